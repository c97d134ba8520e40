//! What the exporter of a runner's host shows, every metric of its page.

/// A runner as its exporter sees it.
#[derive(Clone, Copy)]
pub(crate) struct Runner<'a> {
    pub(crate) name: &'a str,
    pub(crate) environment: &'a str,
    pub(crate) role: &'a str,
    pub(crate) online: bool,
}

impl Runner<'_> {
    /// The text of a host with this runner alone.
    pub(crate) fn shown(self) -> String {
        let Runner {
            name,
            environment,
            role,
            online,
        } = self;
        let labels = format!(
            "runner=\"{name}\",environment=\"{environment}\",role=\"{role}\",authorized_for_prod=\"true\""
        );
        let status = u8::from(online);
        let reason = if online {
            "connected"
        } else {
            "service_inactive"
        };
        format!(
            "# TYPE runner_status gauge\n\
             runner_status{{{labels}}} {status}\n\
             # TYPE runner_status_reason gauge\n\
             runner_status_reason{{{labels},reason=\"{reason}\"}} 1\n\
             # TYPE runner_busy gauge\n\
             runner_busy{{{labels}}} 0\n\
             # TYPE runner_info gauge\n\
             runner_info{{{labels},version=\"2.330.0\",labels=\"self-hosted,linux,x64,production\",runner_group=\"production\",\
             url=\"https://github.com/octo/shop\",unit=\"actions.runner.octo-shop.{name}.service\"}} 1\n\
             # TYPE runner_cpu_usage_percent gauge\n\
             runner_cpu_usage_percent{{{labels}}} 12.5\n\
             # TYPE runner_memory_usage_percent gauge\n\
             runner_memory_usage_percent{{{labels}}} 41\n\
             # TYPE runner_disk_usage_percent gauge\n\
             runner_disk_usage_percent{{{labels}}} 63\n\
             # TYPE runner_docker_up gauge\n\
             runner_docker_up{{{labels}}} 1\n\
             # TYPE runner_last_job_timestamp_seconds gauge\n\
             runner_last_job_timestamp_seconds{{{labels}}} 1795250100\n\
             # TYPE runner_exporter_runners gauge\n\
             runner_exporter_runners 1\n\
             # TYPE runner_exporter_build_info gauge\n\
             runner_exporter_build_info{{version=\"0.1.0\",arch=\"x86_64\"}} 1\n\
             # TYPE runner_exporter_scrape_duration_seconds gauge\n\
             runner_exporter_scrape_duration_seconds 0.0011\n\
             # TYPE runner_exporter_scrape_errors_total counter\n\
             runner_exporter_scrape_errors_total{{collector=\"diag\"}} 0\n"
        )
    }
}

#[test]
fn the_host_of_these_tests_shows_each_metric_of_the_exporter_s_page_and_no_other() {
    let text = Runner {
        name: "a",
        environment: "production",
        role: "primary",
        online: true,
    }
    .shown();
    let shown = text
        .lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| line.split(['{', ' ']).next().unwrap().to_owned());
    assert_eq!(
        shown.collect::<std::collections::BTreeSet<_>>(),
        crate::texts::of_runners()
    );
}
