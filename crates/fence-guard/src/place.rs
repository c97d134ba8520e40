//! Where this process runs, as far as the numbers of processes depend on it.

use std::{fs, io};

use crate::{error::GuardError, error::Survival, state::Place};

impl Place {
    /// This host, this boot, this container.
    pub(crate) fn here() -> Result<Place, GuardError> {
        let failed = |source: io::Error| GuardError::System {
            what: "learn this host's boot and container from /proc",
            source,
        };
        let host = nix::sys::utsname::uname().map_err(|errno| failed(errno.into()))?;
        Ok(Place {
            host: host.nodename().to_string_lossy().into_owned(),
            boot: supervisor::boottime::boot_id().map_err(failed)?,
            pid_namespace: fs::read_link("/proc/self/ns/pid")
                .map_err(failed)?
                .to_string_lossy()
                .into_owned(),
        })
    }

    /// Whether processes recorded at `self` can be looked for `here`: `false` where the host was restarted since, and all
    /// of them are dead.
    pub(crate) fn is_visible(&self, here: &Place) -> Result<bool, Survival> {
        if self.boot != here.boot {
            // Another boot of this host is over. Another host's may go on: the file is shared, or was copied.
            return if self.host == here.host {
                Ok(false)
            } else {
                Err(Survival::OtherHost {
                    there: self.host.clone(),
                    here: here.host.clone(),
                })
            };
        }
        if self.pid_namespace != here.pid_namespace {
            return Err(Survival::OtherContainer);
        }
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(host: &str, boot: &str, pid_namespace: &str) -> Place {
        Place {
            host: host.into(),
            boot: boot.into(),
            pid_namespace: pid_namespace.into(),
        }
    }

    #[test]
    fn a_restart_proves_all_dead_and_another_host_or_container_proves_nothing() {
        let here = place("web1", "b2", "pid:[1]");
        assert!(place("web1", "b2", "pid:[1]").is_visible(&here).unwrap());
        assert!(!place("web1", "b1", "pid:[7]").is_visible(&here).unwrap());
        assert!(matches!(
            place("web2", "b1", "pid:[1]").is_visible(&here),
            Err(Survival::OtherHost { .. })
        ));
        assert!(matches!(
            place("web1", "b2", "pid:[7]").is_visible(&here),
            Err(Survival::OtherContainer)
        ));
    }

    #[test]
    fn this_place_is_visible_to_itself() {
        let here = Place::here().unwrap();
        assert!(here.is_visible(&Place::here().unwrap()).unwrap());
    }
}
