//! The days of the window as a Mermaid chart that GitHub draws (<https://mermaid.js.org/syntax/xyChart.html>).

use actions_kit::markdown;
use ledger::Day;

/// Bars of one place are drawn over each other, the later in front: what the green one of those that succeeded leaves
/// to be seen of the red one of all is what failed. The other way round a day without a failure would have a red foot,
/// because Mermaid draws a bar of 0 as a few pixels. Wide and in small letters, so that a month's dates stand beside
/// each other.
const LOOKS: &str = r##"%%{init: {"xyChart": {"width": 1100, "height": 320, "xAxis": {"labelFontSize": 11}}, "themeVariables": {"xyChart": {"plotColorPalette": "#cf222e, #2da44e"}}}}%%"##;

/// A bar a day: how many deployments ended, and in front of it how many of them succeeded.
pub(super) fn by_day(days: &[Day], environment: &str) -> String {
    let ended = |day: &Day| day.succeeded + day.failed;
    let most = days.iter().map(ended).max().unwrap_or_default().max(1);
    format!(
        "{LOOKS}\nxychart-beta\n    title \"Deployments to {} by day, the failed ones in red\"\n    x-axis [{}]\n    \
         y-axis \"deployments\" 0 --> {most}\n    bar [{}]\n    bar [{}]\n",
        markdown::mermaid_label(environment),
        listed(days, |day| format!("\"{}\"", month_and_day(day))),
        listed(days, |day| ended(day).to_string()),
        listed(days, |day| day.succeeded.to_string()),
    )
}

/// `11-21`: two days of one window never share it, and the chart needs its dates to differ.
fn month_and_day(day: &Day) -> &str {
    day.day.get(5..).unwrap_or(&day.day)
}

fn listed(days: &[Day], text: impl Fn(&Day) -> String) -> String {
    days.iter().map(text).collect::<Vec<_>>().join(", ")
}
