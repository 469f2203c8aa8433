//! What a slot keeps of a binding: one exact allocation of the address of record and the parts that a refresh does
//! not change.

use proto::Binding;

/// Writes the record over what `out` held.
pub(super) fn write(aor: &str, binding: &Binding<'_>, out: &mut Vec<u8>) {
    out.clear();
    out.extend_from_slice(&(aor.len() as u16).to_le_bytes());
    out.extend_from_slice(aor.as_bytes());
    binding.write_kept(out);
}

/// The longest address of record that a record holds, in octets.
pub(super) const AOR_BYTES_MAX: usize = u16::MAX as usize;

/// The address of record, as octets: what lookups compare.
pub(super) fn aor(record: &[u8]) -> &[u8] {
    split(record).0
}

/// The part that [`Binding::write_kept`] wrote.
pub(super) fn kept(record: &[u8]) -> &[u8] {
    split(record).1
}

/// The binding without its times and CSeq.
pub(super) fn binding(record: &[u8]) -> Binding<'_> {
    Binding::read_kept(&mut kept(record)).expect("a record is what `write` wrote")
}

/// The preference alone, for sorting.
pub(super) fn preference(record: &[u8]) -> u16 {
    kept(record).first_chunk().map_or(0, |octets| u16::from_le_bytes(*octets))
}

fn split(record: &[u8]) -> (&[u8], &[u8]) {
    let (length, rest) = record.split_first_chunk().expect("a record begins with the length of its AOR");
    rest.split_at(usize::from(u16::from_le_bytes(*length)))
}
