use super::*;
use crate::framing::{LengthPrefix, Lines, MessageFramer, Tlv, Width, tlv::Type};

type Outcome = Result<(), FramingFailure>;

/// Sends "hello" and waits for the peer's, says "bye" and waits for the peer's; between them lines of three bytes.
#[derive(Clone, Debug, Default)]
struct Polite {
    prepends: bool,
    passes: bool,
    greeted: bool,
}

impl Framer for Polite {
    fn start(&mut self, framer: &mut MessageFramer<'_>) -> Outcome {
        framer.send(b"hello");
        Ok(())
    }

    fn stop(&mut self, framer: &mut MessageFramer<'_>) -> Outcome {
        framer.send(b"bye");
        Ok(())
    }

    fn new_sent_message(
        &mut self,
        framer: &mut MessageFramer<'_>,
        data: &Bytes,
        _: &MessageContext,
        _: bool,
    ) -> Outcome {
        framer.send_bytes(data);
        Ok(())
    }

    fn handle_received_data(&mut self, framer: &mut MessageFramer<'_>) -> Outcome {
        if !self.greeted {
            if framer.parse(5, 5).is_none_or(|parsed| parsed.data != b"hello") {
                return Ok(());
            }
            self.greeted = true;
            framer.advance_receive_cursor(5);
            if self.prepends {
                framer.prepend_framer(Box::new(LengthPrefix::new().width(Width::One)))?;
            }
            if self.passes {
                framer.start_passthrough();
            } else {
                framer.make_connection_ready();
            }
            return Ok(());
        }
        while let Some(parsed) = framer.parse(3, 3) {
            if parsed.data == b"bye" {
                framer.advance_receive_cursor(3);
                framer.make_connection_closed();
            } else {
                framer.deliver_and_advance_receive_cursor(MessageContext::default(), 3, true);
            }
        }
        Ok(())
    }
}

/// A framer made of a closure that is called for what comes.
struct Custom<F>(F);

impl<F> std::fmt::Debug for Custom<F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Custom")
    }
}

impl<F: FnMut(&mut MessageFramer<'_>) -> Outcome + Send> Framer for Custom<F> {
    fn new_sent_message(
        &mut self,
        _: &mut MessageFramer<'_>,
        _: &Bytes,
        _: &MessageContext,
        _: bool,
    ) -> Outcome {
        Err(FramingFailure::unframeable("nothing can be sent"))
    }

    fn handle_received_data(&mut self, framer: &mut MessageFramer<'_>) -> Outcome {
        (self.0)(framer)
    }
}

struct Rig {
    stack: FramerStack,
    out: Outgoing,
}

impl Rig {
    fn new(framers: Vec<Box<dyn Framer>>) -> Self {
        Self::over(Below::Stream, framers, Limits::default())
    }

    fn over(below: Below, framers: Vec<Box<dyn Framer>>, limits: Limits) -> Self {
        let mut rig = Self { stack: FramerStack::new(framers, below, limits), out: Outgoing::new(below) };
        rig.stack.start(&mut rig.out);
        rig
    }

    fn custom(on_data: impl FnMut(&mut MessageFramer<'_>) -> Outcome + Send + 'static) -> Self {
        let mut rig = Self::new(vec![Box::new(Custom(on_data))]);
        assert_eq!(rig.drain(), [Output::Ready]);
        rig
    }

    fn drain(&mut self) -> Vec<Output> {
        std::iter::from_fn(|| self.stack.poll(&mut self.out)).collect()
    }

    fn receive(&mut self, data: &'static [u8]) -> Vec<Output> {
        self.stack.receive(Bytes::from_static(data));
        self.drain()
    }

    fn finish(&mut self) -> Vec<Output> {
        self.stack.finish();
        self.drain()
    }

    fn stop(&mut self) -> Vec<Output> {
        self.stack.stop(&mut self.out);
        self.drain()
    }

    fn send(&mut self, data: &'static [u8], end: bool) -> Result<usize, FramingFailure> {
        self.stack.send(&Bytes::from_static(data), &MessageContext::default(), end, &mut self.out)
    }

    fn written(&mut self) -> Vec<u8> {
        let mut slices = [std::io::IoSlice::new(&[]); 8];
        let filled = self.out.slices(&mut slices);
        let bytes = slices[..filled].iter().flat_map(|slice| slice.to_vec()).collect();
        self.out.advance(usize::MAX);
        bytes
    }
}

fn part(data: &'static [u8], end_of_message: bool) -> Output {
    Output::Received(Part {
        data: Bytes::from_static(data),
        context: MessageContext::default(),
        end_of_message,
    })
}

fn message(data: &'static [u8]) -> Output {
    part(data, true)
}

// ---- life

#[test]
fn a_framer_writes_first_and_ready_waits_for_its_handshake() {
    let mut rig = Rig::new(vec![Box::<Polite>::default()]);
    assert_eq!((rig.drain(), rig.written()), (vec![], b"hello".to_vec()));
    assert_eq!(rig.send(b"one", true), Err(FramingFailure::NotReady));
    assert_eq!(rig.receive(b"hel"), []);
    assert_eq!(rig.receive(b"loonetwo"), [Output::Ready, message(b"one"), message(b"two")]);
    assert_eq!(rig.send(b"one", true), Ok(3));
}

#[test]
fn closed_waits_until_the_framer_has_stopped() {
    let mut rig = Rig::new(vec![Box::<Polite>::default()]);
    assert_eq!(rig.receive(b"hello"), [Output::Ready]);
    assert_eq!((rig.stop(), rig.written()), (vec![], b"hellobye".to_vec()));
    assert_eq!(rig.send(b"one", true), Err(FramingFailure::NotReady));
    assert_eq!(rig.receive(b"onebye"), [message(b"one"), Output::Closed]);
}

#[test]
fn nobody_waits_for_a_goodbye_after_the_peers_end() {
    let mut rig = Rig::new(vec![Box::<Polite>::default()]);
    rig.receive(b"hello");
    assert_eq!(rig.finish(), [Output::Finished]);
    assert_eq!(rig.stop(), [Output::Closed]);
}

#[test]
fn a_framer_starts_when_the_one_below_it_is_ready_and_stops_before_it() {
    let mut rig = Rig::new(vec![Box::new(LengthPrefix::new().width(Width::One)), Box::<Polite>::default()]);
    assert_eq!((rig.drain(), rig.written()), (vec![], b"\x05hello".to_vec()));
    assert_eq!(rig.receive(b"\x05hello\x03one"), [Output::Ready, message(b"one")]);
    assert_eq!((rig.stop(), rig.written()), (vec![], b"\x03bye".to_vec()));
    assert_eq!(rig.receive(b"\x03bye"), [Output::Closed]);
}

#[test]
fn a_framer_that_is_prepended_during_the_handshake_is_above() {
    let polite = Polite { prepends: true, passes: true, greeted: false };
    let mut rig = Rig::new(vec![Box::new(polite)]);
    assert_eq!(rig.receive(b"hello\x02hi\x01"), [Output::Ready, message(b"hi")]);
    rig.written();
    assert_eq!((rig.send(b"you", true), rig.written()), (Ok(4), b"\x03you".to_vec()));
    assert_eq!(rig.receive(b"!"), [message(b"!")]);
    assert_eq!(rig.finish(), [Output::Finished]);
}

#[test]
fn a_framer_that_starts_passthrough_is_passed_by_in_both_directions() {
    let mut rig = Rig::new(vec![Box::new(Polite { passes: true, ..Polite::default() })]);
    assert_eq!(rig.receive(b"hellobye"), [Output::Ready, part(b"bye", false)]);
    assert_eq!(rig.receive(b"more"), [part(b"more", false)]);
    assert_eq!(rig.finish(), [part(b"", true), Output::Finished]);
    rig.written();
    assert_eq!((rig.send(b"raw", true), rig.written()), (Ok(3), b"raw".to_vec()));
    assert_eq!(rig.stop(), [Output::Closed]);
}

#[test]
fn without_framers_everything_passes_as_it_is() {
    let mut rig = Rig::new(vec![]);
    assert_eq!(rig.drain(), [Output::Ready]);
    assert_eq!(rig.receive(b"as it is"), [part(b"as it is", false)]);
    assert_eq!(rig.send(b"as it is", true), Ok(8));
}

#[test]
fn an_end_during_the_handshake_is_a_failure() {
    let mut rig = Rig::new(vec![Box::<Polite>::default()]);
    assert_eq!(rig.finish(), [Output::Failed(FramingFailure::Truncated)]);
}

#[test]
fn framers_that_prepend_each_other_for_ever_are_too_deep() {
    #[derive(Clone, Debug)]
    struct Tower;

    impl Framer for Tower {
        fn start(&mut self, framer: &mut MessageFramer<'_>) -> Outcome {
            framer.prepend_framer(Box::new(Self))?;
            framer.make_connection_ready();
            framer.prepend_framer(Box::new(Self)).expect_err("it is ready");
            Ok(())
        }

        fn new_sent_message(
            &mut self,
            _: &mut MessageFramer<'_>,
            _: &Bytes,
            _: &MessageContext,
            _: bool,
        ) -> Outcome {
            Ok(())
        }

        fn handle_received_data(&mut self, _: &mut MessageFramer<'_>) -> Outcome {
            Ok(())
        }
    }

    assert_eq!(Rig::new(vec![Box::new(Tower)]).drain(), [Output::Failed(FramingFailure::TooDeep)]);
}

// ---- what framers do wrong

#[test]
fn delivering_before_ready_fails_the_connection() {
    #[derive(Debug)]
    struct Hasty;

    impl Framer for Hasty {
        fn start(&mut self, framer: &mut MessageFramer<'_>) -> Outcome {
            framer.deliver(MessageContext::default(), Bytes::from_static(b"early"), true);
            framer.make_connection_ready();
            Ok(())
        }

        fn new_sent_message(
            &mut self,
            _: &mut MessageFramer<'_>,
            _: &Bytes,
            _: &MessageContext,
            _: bool,
        ) -> Outcome {
            Ok(())
        }

        fn handle_received_data(&mut self, _: &mut MessageFramer<'_>) -> Outcome {
            Ok(())
        }
    }

    assert_eq!(Rig::new(vec![Box::new(Hasty)]).drain(), [Output::Failed(FramingFailure::NotReady)]);
}

#[test]
fn a_framer_that_advances_by_nothing_for_ever_is_stuck() {
    let mut rig = Rig::custom(|framer| {
        while framer.parse(1, 1).is_some() {
            framer.advance_receive_cursor(0);
        }
        Ok(())
    });
    assert_eq!(rig.receive(b"x"), [Output::Failed(FramingFailure::Stuck)]);
}

#[test]
fn a_framer_that_delivers_nothing_for_ever_is_stuck() {
    let mut rig = Rig::custom(|framer| {
        while framer.parse(1, 1).is_some() {
            framer.deliver(MessageContext::default(), Bytes::new(), true);
        }
        Ok(())
    });
    let outputs = rig.receive(b"x");
    assert_eq!(outputs.last(), Some(&Output::Failed(FramingFailure::Stuck)));
}

#[test]
fn what_nobody_makes_anything_of_may_not_grow_for_ever() {
    let limits = Limits { unparsed: 10, ..Limits::default() };
    let mut rig =
        Rig::over(Below::Stream, vec![Box::new(Custom(|_: &mut MessageFramer<'_>| Ok(())))], limits);
    rig.drain();
    assert_eq!(rig.receive(b"0123456789"), []);
    assert_eq!(rig.receive(b"a"), [Output::Failed(FramingFailure::Unparsed { limit: 10 })]);
}

#[test]
fn a_panic_is_the_framers_failure_and_what_came_before_it_arrives() {
    let mut rig = Rig::custom(|framer| {
        framer.deliver_and_advance_receive_cursor(MessageContext::default(), 3, true);
        std::panic::resume_unwind(Box::new("oh no"))
    });
    let failed = Output::Failed(FramingFailure::Panicked("oh no".into()));
    assert_eq!(rig.receive(b"onetwo"), [message(b"one"), failed]);
    assert_eq!(rig.receive(b"six"), []);
}

#[test]
fn a_framer_that_takes_one_message_in_each_call_is_called_again() {
    let mut rig = Rig::custom(|framer| {
        if framer.parse(3, 3).is_some() {
            framer.deliver_and_advance_receive_cursor(MessageContext::default(), 3, true);
        }
        Ok(())
    });
    assert_eq!(rig.receive(b"onetwos"), [message(b"one"), message(b"two")]);
    assert_eq!(rig.receive(b"ix"), [message(b"six")]);
}

// ---- earmarks

#[test]
fn a_message_of_a_gigabyte_is_passed_on_as_it_comes() {
    let mut rig = Rig::new(vec![Box::new(LengthPrefix::new().limit(1 << 30))]);
    let mut outputs = rig.receive(&[0x40, 0, 0, 0]);
    assert_eq!(outputs, [Output::Ready]);
    let read = Bytes::from(vec![7; 64 * 1024]);
    let mut came = 0;
    for n in 1..=1 << 14 {
        rig.stack.receive(read.clone());
        outputs = rig.drain();
        assert!(outputs.len() == 1 && rig.stack.unparsed() == 0);
        let Some(Output::Received(Part { data, end_of_message, .. })) = outputs.pop() else { panic!() };
        assert!(data.as_ptr() == read.as_ptr(), "it was copied");
        assert_eq!(end_of_message, n == 1 << 14);
        came += data.len();
        assert_eq!(rig.stack.memory(), 0, "it is kept");
    }
    assert_eq!(came, 1 << 30);
}

#[test]
fn a_length_of_two_to_the_63_is_refused_or_earmarked_and_nothing_is_allocated() {
    let header = [0x80, 0, 0, 0, 0, 0, 0, 0];
    let framer = LengthPrefix::new().width(Width::Eight);
    let limit = LengthPrefix::LIMIT;
    let mut rig = Rig::new(vec![Box::new(framer.clone())]);
    rig.stack.receive(Bytes::copy_from_slice(&header));
    assert_eq!(rig.drain(), [Output::Ready, Output::Failed(FramingFailure::TooLong { limit })]);

    let mut rig = Rig::new(vec![Box::new(framer.limit(u64::MAX))]);
    rig.stack.receive(Bytes::copy_from_slice(&header));
    assert_eq!(rig.drain(), [Output::Ready]);
    assert_eq!(rig.receive(b"some"), [part(b"some", false)]);
    assert_eq!(rig.stack.memory(), 0);
    assert_eq!(rig.finish(), [Output::Failed(FramingFailure::Truncated)]);
}

#[test]
fn what_waits_for_the_rest_of_its_message_keeps_no_read_buffer() {
    let mut rig = Rig::new(vec![Box::new(LengthPrefix::new())]);
    let read = Bytes::from(vec![0; 4 * 1000 + 3]);
    rig.stack.receive(read.clone());
    assert_eq!(rig.drain().len(), 1001);
    assert!(read.is_unique());
    assert_eq!(rig.stack.unparsed(), 3);
    assert!(rig.stack.memory() < 100);
}

#[test]
fn bytes_that_have_not_come_can_be_skipped() {
    let mut rig = Rig::custom(|framer| {
        if framer.parse(1, 1).is_some() {
            framer.advance_receive_cursor(5);
            framer.deliver_and_advance_receive_cursor(MessageContext::default(), 2, true);
            framer.advance_receive_cursor(1);
        }
        Ok(())
    });
    assert_eq!(rig.receive(b"xxx"), []);
    assert_eq!(rig.receive(b"xxh"), []);
    assert_eq!(rig.receive(b"ix"), [message(b"hi")]);
    assert_eq!(rig.finish(), [Output::Finished]);
}

// ---- messages

#[test]
fn a_type_goes_with_its_message() {
    let mut rig = Rig::new(vec![Box::new(Tlv::new().widths(Width::One, Width::One))]);
    rig.drain();
    let message = Message::new("hi").with(Type(7));
    assert_eq!(rig.stack.send(&message.data, &message.context, true, &mut rig.out), Ok(4));
    assert_eq!(rig.written(), b"\x07\x02hi");
    assert_eq!(rig.receive(b"\x07\x02hi"), [Output::Received(message.into())]);
    let message = Message::new("hi").with(Type(256));
    let refused = rig.stack.send(&message.data, &message.context, true, &mut rig.out);
    assert!(matches!(refused, Err(FramingFailure::Unframeable(_))));
}

#[test]
fn a_length_may_count_itself_and_is_malformed_if_it_does_not() {
    let mut rig = Rig::new(vec![Box::new(LengthPrefix::new().counting_itself().width(Width::Two))]);
    rig.drain();
    assert_eq!((rig.send(b"hi", true), rig.written()), (Ok(4), b"\0\x04hi".to_vec()));
    assert_eq!(rig.receive(b"\0\x04hi"), [message(b"hi")]);
    assert!(matches!(rig.receive(b"\0\x01")[..], [Output::Failed(FramingFailure::Malformed(_))]));
}

#[test]
fn lines_end_in_a_line_feed_with_or_without_a_carriage_return() {
    let mut rig = Rig::new(vec![Box::new(Lines::crlf().limit(3))]);
    rig.drain();
    assert_eq!((rig.send(b"one", true), rig.written()), (Ok(5), b"one\r\n".to_vec()));
    assert_eq!(rig.receive(b"one\r\n\ntw"), [message(b"one"), message(b"")]);
    assert_eq!(rig.receive(b"o\nsix\r"), [message(b"two")]);
    assert_eq!(rig.receive(b"\n"), [message(b"six")]);
    assert_eq!(rig.send(b"four", true), Err(FramingFailure::TooLong { limit: 3 }));
    assert_eq!(rig.receive(b"four!"), [Output::Failed(FramingFailure::TooLong { limit: 3 })]);
}

#[test]
fn a_line_without_an_end_is_not_a_line() {
    let mut rig = Rig::new(vec![Box::new(Lines::new())]);
    rig.drain();
    assert_eq!(rig.receive(b"half"), []);
    assert_eq!(rig.finish(), [Output::Failed(FramingFailure::Truncated)]);
}

#[test]
fn a_message_in_parts_is_one_message() {
    let mut rig = Rig::new(vec![Box::new(LengthPrefix::new().width(Width::One)), Box::new(Lines::new())]);
    rig.drain();
    assert_eq!(rig.send(b"he", false), Ok(0));
    assert_eq!(rig.send(b"", false), Ok(0));
    assert_eq!(rig.send(b"llo", true), Ok(7));
    assert_eq!(rig.written(), b"\x06hello\n");
}

#[test]
fn a_message_that_is_refused_leaves_no_trace() {
    let mut rig = Rig::new(vec![Box::new(LengthPrefix::new().limit(9)), Box::new(LengthPrefix::new())]);
    rig.drain();
    assert_eq!(rig.send(b"four", true), Ok(12));
    let too_long = Err(FramingFailure::TooLong { limit: 9 });
    assert_eq!(rig.send(b"sixsix", true), too_long);
    assert_eq!((rig.send(b"a part", false), rig.send(b"another", true)), (Ok(0), too_long));
    assert_eq!(rig.send(b"four", true), Ok(12));
    assert_eq!((rig.written().len(), rig.drain()), (24, vec![]));
}

#[test]
fn half_a_message_on_the_wire_cannot_be_taken_back() {
    let mut rig = Rig::new(vec![Box::new(Lines::new())]);
    rig.drain();
    assert_eq!(rig.send(b"half a", false), Ok(6));
    let failure = rig.send(b"li\nne", true).unwrap_err();
    assert_eq!(rig.drain(), [Output::Failed(failure.clone())]);
    assert_eq!(rig.send(b"next", true), Err(failure));
}

#[test]
fn a_long_message_is_not_copied() {
    let mut rig = Rig::new(vec![Box::new(LengthPrefix::new())]);
    rig.drain();
    let data = Bytes::from(vec![7; 100_000]);
    rig.stack.send(&data, &MessageContext::default(), true, &mut rig.out).unwrap();
    let mut slices = [std::io::IoSlice::new(&[]); 8];
    assert_eq!(rig.out.slices(&mut slices), 2);
    assert_eq!(slices[1].as_ptr(), data.as_ptr());
}

#[test]
fn a_datagram_that_makes_no_sense_costs_no_other() {
    let mut rig = Rig::over(Below::Messages, vec![Box::new(LengthPrefix::new())], Limits::default());
    rig.drain();
    assert_eq!(
        rig.receive(b"\0\0\0\x02hi\0\0\0\x09half"),
        [message(b"hi"), Output::ReceiveError(FramingFailure::Truncated)]
    );
    assert_eq!(rig.receive(b"\0\0\0\x01a\0\0\0\x01b"), [message(b"a"), message(b"b")]);
    assert_eq!(rig.send(b"hi", true), Ok(6));
    assert_eq!(rig.out.pop_message(), Some(Message::new(&b"\0\0\0\x02hi"[..])));
    assert_eq!(rig.out.pop_message(), None);
}
