//! Bindings as one allocation: an answer of a registrar copies octets, never a tree of strings.

/// A contact that an address of record is bound to, borrowed from [`Bindings`] or made to be pushed there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Binding<'a> {
    /// The contact's URI, as it was registered.
    pub uri: &'a str,
    /// The preference in thousandths, 0 to 1000.
    pub q: u16,
    /// How long it still stands, in seconds, rounded up.
    pub expires_in_s: u32,
    /// The Path that it was registered with (RFC 3327), topmost first: the route set of requests to it.
    pub path: Path<'a>,
    /// The flow that it was registered by, as the proxy wrote it; empty when there is none.
    pub flow: &'a [u8],
    /// The `+sip.instance`; empty when not given.
    pub instance: &'a str,
    /// The `reg-id`; 0 when not given.
    pub reg_id: u32,
    /// The other parameters of the Contact (`;methods="…"`); empty when there are none.
    pub params: &'a str,
    /// The Call-ID of the REGISTER that set it last.
    pub call_id: &'a str,
    /// The CSeq number of the REGISTER that set it last.
    pub cseq: u32,
    /// When it was set last, unix time in ms.
    pub updated_ms: u64,
    /// The User-Agent of the phone; empty when not given.
    pub user_agent: &'a str,
    /// Where the REGISTER came from, for people.
    pub source: &'a str,
}

/// The elements of a Path, topmost first.
#[derive(Debug, Clone, Copy)]
pub enum Path<'a> {
    /// As the asker has them.
    Listed(&'a [&'a str]),
    /// As [`Bindings`] holds them: each element behind its length.
    Packed(&'a [u8]),
}

impl<'a> Path<'a> {
    /// True when there is no Path.
    pub fn is_empty(&self) -> bool {
        self.iter().next().is_none()
    }

    /// The elements, topmost first, each as `<sip:…;lr>`.
    pub fn iter(&self) -> Elements<'a> {
        Elements(*self)
    }
}

impl Default for Path<'_> {
    fn default() -> Self {
        Path::Listed(&[])
    }
}

impl<'a> From<&'a [&'a str]> for Path<'a> {
    fn from(elements: &'a [&'a str]) -> Self {
        Path::Listed(elements)
    }
}

impl<'a> IntoIterator for Path<'a> {
    type Item = &'a str;
    type IntoIter = Elements<'a>;
    fn into_iter(self) -> Elements<'a> {
        Elements(self)
    }
}

impl<'a> IntoIterator for &Path<'a> {
    type Item = &'a str;
    type IntoIter = Elements<'a>;
    fn into_iter(self) -> Elements<'a> {
        Elements(*self)
    }
}

/// Two paths are equal when their elements are, however they are held.
impl PartialEq for Path<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl Eq for Path<'_> {}

/// Iterates over the elements of a [`Path`].
#[derive(Debug, Clone)]
pub struct Elements<'a>(Path<'a>);

impl<'a> Iterator for Elements<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        match &mut self.0 {
            Path::Listed(elements) => {
                let (first, rest) = elements.split_first()?;
                *elements = rest;
                Some(first)
            }
            Path::Packed(octets) => text(octets),
        }
    }
}

/// Bindings in one allocation, in the order in which they were pushed.
#[derive(Clone, Default)]
pub struct Bindings {
    octets: Vec<u8>,
    count: u32,
    as_of: u64,
}

/// Bindings are equal when they say the same, whenever they were read.
impl PartialEq for Bindings {
    fn eq(&self, other: &Self) -> bool {
        self.octets == other.octets
    }
}

impl Eq for Bindings {}

impl Bindings {
    /// None yet, with room for `octets` octets.
    pub fn with_capacity(octets: usize) -> Self {
        Bindings { octets: Vec::with_capacity(octets), count: 0, as_of: 0 }
    }

    /// Appends a binding.
    pub fn push(&mut self, binding: &Binding<'_>) {
        self.octets.extend_from_slice(&binding.expires_in_s.to_le_bytes());
        self.octets.extend_from_slice(&binding.updated_ms.to_le_bytes());
        self.octets.extend_from_slice(&binding.cseq.to_le_bytes());
        binding.write_kept(&mut self.octets);
        self.count += 1;
    }

    /// Appends a binding whose kept part ([`Binding::write_kept`]) is at hand already.
    pub fn push_kept(&mut self, expires_in_s: u32, updated_ms: u64, cseq: u32, kept: &[u8]) {
        self.octets.extend_from_slice(&expires_in_s.to_le_bytes());
        self.octets.extend_from_slice(&updated_ms.to_le_bytes());
        self.octets.extend_from_slice(&cseq.to_le_bytes());
        self.octets.extend_from_slice(kept);
        self.count += 1;
    }

    /// How many octets [`Bindings::push_kept`] adds for a kept part of `kept` octets.
    pub const fn room(kept: usize) -> usize {
        16 + kept
    }

    /// The same, said to have been read when `number` was that of the registrar's last change.
    pub fn standing_at(mut self, number: u64) -> Self {
        self.as_of = number;
        self
    }

    /// The number of the registrar's last change ([`super::Changes`]) when these were read.
    pub fn as_of(&self) -> u64 {
        self.as_of
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.count as usize
    }

    /// True when there are none.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The bindings, in order.
    pub fn iter(&self) -> Iter<'_> {
        Iter { octets: &self.octets }
    }
}

impl std::fmt::Debug for Bindings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl<'a> FromIterator<Binding<'a>> for Bindings {
    fn from_iter<I: IntoIterator<Item = Binding<'a>>>(from: I) -> Self {
        let mut bindings = Bindings::default();
        for binding in from {
            bindings.push(&binding);
        }
        bindings
    }
}

impl<'a> IntoIterator for &'a Bindings {
    type Item = Binding<'a>;
    type IntoIter = Iter<'a>;
    fn into_iter(self) -> Iter<'a> {
        self.iter()
    }
}

/// Iterates over [`Bindings`].
#[derive(Debug, Clone)]
pub struct Iter<'a> {
    octets: &'a [u8],
}

impl<'a> Iterator for Iter<'a> {
    type Item = Binding<'a>;

    fn next(&mut self) -> Option<Binding<'a>> {
        let octets = &mut self.octets;
        let expires_in_s = u32::from_le_bytes(array(octets)?);
        let updated_ms = u64::from_le_bytes(array(octets)?);
        let cseq = u32::from_le_bytes(array(octets)?);
        let kept = Binding::read_kept(octets)?;
        Some(Binding { expires_in_s, cseq, updated_ms, ..kept })
    }
}

impl<'a> Binding<'a> {
    /// Writes all but `expires_in_s`, `updated_ms` and `cseq`, which change with each refresh.
    pub fn write_kept(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.q.to_le_bytes());
        put_length(self.reg_id as usize, out);
        put(self.uri.as_bytes(), out);
        put(self.call_id.as_bytes(), out);
        put(self.instance.as_bytes(), out);
        put(self.params.as_bytes(), out);
        put(self.flow, out);
        put(self.user_agent.as_bytes(), out);
        put(self.source.as_bytes(), out);
        let path: usize = self.path.iter().map(|element| length_of(element.len()) + element.len()).sum();
        put_length(path, out);
        for element in self.path {
            put(element.as_bytes(), out);
        }
    }

    /// Reads what [`Binding::write_kept`] wrote from the front of `octets` and moves it behind; `None` for octets
    /// that it did not write.
    pub fn read_kept(octets: &mut &'a [u8]) -> Option<Binding<'a>> {
        Some(Binding {
            q: u16::from_le_bytes(array(octets)?),
            reg_id: u32::try_from(length(octets)?).ok()?,
            uri: text(octets)?,
            call_id: text(octets)?,
            instance: text(octets)?,
            params: text(octets)?,
            flow: slice(octets)?,
            user_agent: text(octets)?,
            source: text(octets)?,
            path: Path::Packed(slice(octets)?),
            ..Binding::default()
        })
    }
}

fn put(octets: &[u8], out: &mut Vec<u8>) {
    put_length(octets.len(), out);
    out.extend_from_slice(octets);
}

/// Seven bits an octet, the lowest first; the high bit says that more follow.
fn put_length(mut length: usize, out: &mut Vec<u8>) {
    while length >= 0x80 {
        out.push(length as u8 | 0x80);
        length >>= 7;
    }
    out.push(length as u8);
}

const fn length_of(length: usize) -> usize {
    let mut octets = 1;
    let mut rest = length >> 7;
    while rest > 0 {
        octets += 1;
        rest >>= 7;
    }
    octets
}

fn length(octets: &mut &[u8]) -> Option<usize> {
    let mut length = 0;
    for shift in (0..35).step_by(7) {
        let [octet] = array(octets)?;
        length |= usize::from(octet & 0x7f) << shift;
        if octet < 0x80 {
            return Some(length);
        }
    }
    None
}

fn slice<'a>(octets: &mut &'a [u8]) -> Option<&'a [u8]> {
    let length = length(octets)?;
    let (head, rest) = octets.split_at_checked(length)?;
    *octets = rest;
    Some(head)
}

fn text<'a>(octets: &mut &'a [u8]) -> Option<&'a str> {
    std::str::from_utf8(slice(octets)?).ok()
}

fn array<const N: usize>(octets: &mut &[u8]) -> Option<[u8; N]> {
    let (head, rest) = octets.split_first_chunk::<N>()?;
    *octets = rest;
    Some(*head)
}

#[cfg(test)]
mod tests;
