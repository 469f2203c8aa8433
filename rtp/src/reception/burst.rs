//! Bursts and gaps of loss (RFC 3611 §4.7.2).

/// Lost packets in the order in which they should have come.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Bursts {
    /// Received since the last loss.
    run: u32,
    /// The losses that are not yet known to be a burst or alone, and the packets from the first to the last of them.
    open: Density,
    count: u32,
    within: Density,
    between: Density,
    /// Losses one behind the other, each row counted once.
    rows: u32,
}

/// Losses among packets.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Density {
    /// How many were lost.
    pub lost: u32,
    /// Of how many.
    pub packets: u32,
}

impl Density {
    /// In 256ths, as RFC 3611 §4.7.2 writes it.
    pub fn in_256ths(self) -> u8 {
        (u64::from(self.lost) * 256 / u64::from(self.packets.max(1))).min(255) as u8
    }

    fn add(&mut self, other: Self) {
        self.lost = self.lost.saturating_add(other.lost);
        self.packets = self.packets.saturating_add(other.packets);
    }
}

impl Bursts {
    /// A packet came.
    pub fn received(&mut self) {
        self.run = self.run.saturating_add(1);
    }

    /// A packet was lost, or came too late to be of use.
    pub fn lost(&mut self) {
        if self.run > 0 || self.open.lost == 0 {
            self.rows = self.rows.saturating_add(1);
        }
        if self.open.lost > 0 && self.run < GAP_MIN {
            self.open.add(Density { lost: 1, packets: self.run + 1 });
        } else {
            self.close();
            self.between.add(Density { lost: 0, packets: self.run });
            self.open = Density { lost: 1, packets: 1 };
        }
        self.run = 0;
    }

    fn close(&mut self) {
        match self.open.lost {
            0 => {}
            1 => self.between.add(self.open),
            _ => {
                self.count = self.count.saturating_add(1);
                self.within.add(self.open);
            }
        }
        self.open = Density::default();
    }

    /// What it would be if the session ended now: how many bursts, what was lost in them, what was lost between them.
    pub fn figures(&self) -> (u32, Density, Density) {
        let mut end = self.clone();
        end.close();
        end.between.add(Density { lost: 0, packets: end.run });
        (end.count, end.within, end.between)
    }

    /// How much longer rows of losses are than they would be by chance (BurstR of ITU-T G.107); 1 for random loss.
    pub fn ratio(&self) -> f64 {
        let (_, bursts, gaps) = self.figures();
        let lost = f64::from(bursts.lost + gaps.lost);
        let packets = f64::from((bursts.packets + gaps.packets).max(1));
        if self.rows == 0 { 1.0 } else { (lost / f64::from(self.rows) * (1.0 - lost / packets)).max(1.0) }
    }
}

/// So many packets in a row between losses end a burst: 16 (RFC 3611 §4.7.2).
const GAP_MIN: u32 = 16;
