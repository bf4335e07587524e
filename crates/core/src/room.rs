//! Room in vectors of which there are many.

/// Makes room for one more, and half as many as there are: of thousands of short lists less stays empty than where each
/// doubles.
pub(crate) fn make_room<T>(list: &mut Vec<T>) {
    if list.len() == list.capacity() {
        list.reserve_exact(1 + list.len() / 2);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_of_one_has_room_for_one_and_long_ones_grow_by_a_half() {
        let mut list: Vec<u8> = Vec::new();
        let mut rooms = Vec::new();
        for element in 0..100 {
            make_room(&mut list);
            list.push(element);
            rooms.push(list.capacity());
        }
        rooms.dedup();
        assert_eq!(rooms[..6], [1, 2, 4, 7, 11, 17]);
    }
}
