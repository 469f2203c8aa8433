//! Metrics: plain counters wherever they are, written as Prometheus' text when somebody asks.

use std::collections::BTreeMap;
use std::fmt;
use std::fmt::Write as _;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::RwLock;

type Writing<'a> = Pin<Box<dyn Future<Output = ()> + Send + 'a>>;
type Source = dyn for<'a> Fn(&'a mut Page) -> Writing<'a> + Send + Sync;

/// All that writes metrics in this process. Clones are the same.
#[derive(Clone, Default)]
pub struct Registry(Arc<RwLock<Vec<Arc<Source>>>>);

impl Registry {
    /// A registry without sources.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a source whose numbers are at hand.
    pub fn add(&self, write: impl Fn(&mut Page) + Send + Sync + 'static) {
        self.add_asking(move |page| {
            write(page);
            Box::pin(std::future::ready(()))
        });
    }

    /// Adds a source that has to ask for its numbers, a shard for one.
    pub fn add_asking(&self, write: impl for<'a> Fn(&'a mut Page) -> Writing<'a> + Send + Sync + 'static) {
        self.0.write().push(Arc::new(write));
    }

    /// Asks all sources and writes the page. One that does not answer within two seconds is left out.
    pub async fn page(&self) -> String {
        self.page_within(PATIENCE).await
    }

    async fn page_within(&self, patience: Duration) -> String {
        let sources: Vec<Arc<Source>> = self.0.read().clone();
        let mut page = Page::default();
        for source in sources {
            if tokio::time::timeout(patience, source(&mut page)).await.is_err() {
                page.late += 1;
            }
        }
        let late = page.late;
        page.gauge(
            "carillon_metrics_sources_late",
            "Sources of metrics that did not answer in time.",
            &[],
            late as f64,
        );
        page.text()
    }
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registry").field("sources", &self.0.read().len()).finish()
    }
}

/// A page of metrics under way. Samples of one name stand together, whoever wrote them.
#[derive(Debug, Default)]
pub struct Page {
    families: BTreeMap<String, Family>,
    late: u64,
}

#[derive(Debug)]
struct Family {
    kind: &'static str,
    help: &'static str,
    samples: String,
}

impl Page {
    /// A count that only grows. Its name ends in `_total`.
    pub fn counter(&mut self, name: &str, help: &'static str, labels: &[(&str, &str)], value: u64) {
        debug_assert!(name.ends_with("_total"), "{name}: the name of a counter ends in _total");
        let family = self.family(name, "counter", help);
        let _ = writeln!(family.samples, "{name}{} {value}", Labels(labels));
    }

    /// A value that goes up and down.
    pub fn gauge(&mut self, name: &str, help: &'static str, labels: &[(&str, &str)], value: f64) {
        let family = self.family(name, "gauge", help);
        let _ = writeln!(family.samples, "{name}{} {value}", Labels(labels));
    }

    /// How long something takes. Its name ends in `_seconds`.
    pub fn histogram(
        &mut self,
        name: &str,
        help: &'static str,
        labels: &[(&str, &str)],
        histogram: &Histogram,
    ) {
        let family = self.family(name, "histogram", help);
        let mut total = 0;
        for (bound, count) in Histogram::BOUNDS.iter().zip(&histogram.counts) {
            total += count.load(Ordering::Relaxed);
            let le = bound.as_secs_f64().to_string();
            let labels: Vec<_> = labels.iter().copied().chain([("le", le.as_str())]).collect();
            let _ = writeln!(family.samples, "{name}_bucket{} {total}", Labels(&labels));
        }
        total += histogram.counts[Histogram::BOUNDS.len()].load(Ordering::Relaxed);
        let all: Vec<_> = labels.iter().copied().chain([("le", "+Inf")]).collect();
        let _ = writeln!(family.samples, "{name}_bucket{} {total}", Labels(&all));
        let sum = Duration::from_micros(histogram.sum_us.load(Ordering::Relaxed)).as_secs_f64();
        let _ = writeln!(family.samples, "{name}_sum{} {sum}", Labels(labels));
        let _ = writeln!(family.samples, "{name}_count{} {total}", Labels(labels));
    }

    /// The page as Prometheus reads it.
    pub fn text(&self) -> String {
        let mut text = String::new();
        for (name, Family { kind, help, samples }) in &self.families {
            let help = help.replace('\\', "\\\\").replace('\n', "\\n");
            let _ = write!(text, "# HELP {name} {help}\n# TYPE {name} {kind}\n{samples}");
        }
        text
    }

    fn family(&mut self, name: &str, kind: &'static str, help: &'static str) -> &mut Family {
        let make = || Family { kind, help, samples: String::new() };
        self.families.entry(name.to_owned()).or_insert_with(make)
    }
}

/// Durations counted in buckets from 100 µs to 30 s. Any thread may add.
#[derive(Debug, Default)]
pub struct Histogram {
    counts: [AtomicU64; Histogram::BOUNDS.len() + 1],
    sum_us: AtomicU64,
}

impl Histogram {
    const BOUNDS: [Duration; 12] = [
        Duration::from_micros(100),
        Duration::from_micros(250),
        Duration::from_micros(1000),
        Duration::from_micros(2500),
        Duration::from_millis(10),
        Duration::from_millis(25),
        Duration::from_millis(100),
        Duration::from_millis(250),
        Duration::from_secs(1),
        Duration::from_secs(3),
        Duration::from_secs(10),
        Duration::from_secs(30),
    ];

    /// Counts one.
    pub fn add(&self, took: Duration) {
        let bucket = Self::BOUNDS.iter().position(|bound| took <= *bound).unwrap_or(Self::BOUNDS.len());
        self.counts[bucket].fetch_add(1, Ordering::Relaxed);
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        self.sum_us.fetch_add(micros, Ordering::Relaxed);
    }
}

struct Labels<'a>(&'a [(&'a str, &'a str)]);

impl fmt::Display for Labels<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, (name, value)) in self.0.iter().enumerate() {
            let before = if number == 0 { '{' } else { ',' };
            let value = value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
            write!(f, "{before}{name}=\"{value}\"")?;
        }
        if self.0.is_empty() { Ok(()) } else { f.write_str("}") }
    }
}

const PATIENCE: Duration = Duration::from_secs(2);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_what_prometheus_reads() {
        let mut page = Page::default();
        page.counter("b_total", "Of b.", &[("shard", "0")], 1);
        page.gauge("a", "Of \"a\"\nand \\.", &[], 0.5);
        page.counter("b_total", "Of b.", &[("shard", "1"), ("why", "a \"b\"\\\n")], 2);
        let expected = "# HELP a Of \"a\"\\nand \\\\.\n# TYPE a gauge\na 0.5\n# HELP b_total Of b.\n# TYPE b_total counter\n\
             b_total{shard=\"0\"} 1\nb_total{shard=\"1\",why=\"a \\\"b\\\"\\\\\\n\"} 2\n";
        assert_eq!(page.text(), expected);
    }

    #[test]
    fn a_histogram_counts_what_is_at_most_its_bound() {
        let histogram = Histogram::default();
        for micros in [100, 101, 40_000_000] {
            histogram.add(Duration::from_micros(micros));
        }
        let mut page = Page::default();
        page.histogram("t_seconds", "Times.", &[("k", "v")], &histogram);
        let text = page.text();
        for line in [
            "t_seconds_bucket{k=\"v\",le=\"0.0001\"} 1\n",
            "t_seconds_bucket{k=\"v\",le=\"0.00025\"} 2\n",
            "t_seconds_bucket{k=\"v\",le=\"30\"} 2\n",
            "t_seconds_bucket{k=\"v\",le=\"+Inf\"} 3\n",
            "t_seconds_sum{k=\"v\"} 40.000201\n",
            "t_seconds_count{k=\"v\"} 3\n",
        ] {
            assert!(text.contains(line), "{line} in {text}");
        }
    }

    #[tokio::test]
    async fn a_source_that_does_not_answer_is_left_out() {
        let registry = Registry::new();
        registry.add(|page| page.gauge("here", "At hand.", &[], 1.0));
        registry.add_asking(|_| Box::pin(std::future::pending()));
        let text = registry.page_within(Duration::from_millis(1)).await;
        assert!(
            text.contains("\nhere 1\n") && text.contains("\ncarillon_metrics_sources_late 1\n"),
            "{text}"
        );
    }
}
