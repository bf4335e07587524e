//! From milliseconds to places on the paper.

use neatflow::Time;

/// The axis, from 0 to the end of the race.
pub(super) struct Scale {
    left: f64,
    width: f64,
    /// In milliseconds, never 0.
    end: f64,
}

impl Scale {
    pub(super) fn up_to(end: Time, left: f64, width: f64) -> Self {
        Self { left, width, end: millis(end).max(0.01) }
    }

    /// Where a moment is; what comes after the end is at the end.
    pub(super) fn x(&self, at: Time) -> f64 {
        self.left + self.width * (millis(at) / self.end).min(1.0)
    }

    /// Four to ten round numbers, and how to write them.
    pub(super) fn ticks(&self) -> impl Iterator<Item = (Time, String)> {
        let magnitude = 10_f64.powf((self.end / 4.0).log10().floor());
        let steps = [5.0, 2.0, 1.0].map(|digit| digit * magnitude);
        let step = steps.into_iter().find(|step| self.end / step >= 4.0).unwrap_or(magnitude);
        let digits = (-step.log10().floor()).clamp(0.0, 3.0) as usize;
        let count = (self.end / step + 1e-9).floor() as u32;
        (0..=count).map(move |tick| {
            let at = f64::from(tick) * step;
            let time = Time::from_origin(std::time::Duration::from_secs_f64(at / 1e3));
            (time, format!("{at:.digits$}"))
        })
    }
}

pub(super) fn millis(time: Time) -> f64 {
    time.since_origin().as_secs_f64() * 1e3
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_neither_few_nor_many() {
        for (end, written) in [
            (281.0, "0 50 100 150 200 250"),
            (4.0, "0 1 2 3 4"),
            (0.4, "0.0 0.1 0.2 0.3 0.4"),
            (30_000.0, "0 5000 10000 15000 20000 25000 30000"),
        ] {
            let end = Time::from_origin(std::time::Duration::from_secs_f64(end / 1e3));
            let ticks: Vec<_> = Scale::up_to(end, 0.0, 100.0).ticks().map(|(_, name)| name).collect();
            assert_eq!(ticks.join(" "), written);
        }
        let mut end = 0.01;
        while end < 1e7 {
            let time = Time::from_origin(std::time::Duration::from_secs_f64(end / 1e3));
            let ticks = Scale::up_to(time, 0.0, 100.0).ticks().count();
            assert!((4..=11).contains(&ticks), "{end}: {ticks}");
            end *= 1.037;
        }
    }
}
