//! Groups, hosts and variables while sources are read, and what follows from them for each host.
//!
//! The rules are Ansible's (its guide "How to build your inventory", and the behaviour of `ansible-inventory`):
//! variables of `all`, then of groups (by depth, priority, name), then `group_vars/all`, then `group_vars` of groups,
//! then the host's own, then `host_vars`.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    path::PathBuf,
    rc::Rc,
};

use crate::{
    error::Problem,
    inventory::MOST_HOSTS,
    value::{Value, Variable, Variables},
};

/// How often hosts and groups may be mentioned: aliases and ranges make many mentions of few letters.
const MOST_MENTIONS: usize = 10 * MOST_HOSTS;

/// There is too much in the inventory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Full {
    #[error("more hosts than {MOST_HOSTS}")]
    Hosts,
    #[error(
        "more than {MOST_MENTIONS} mentions of hosts and groups, aliases and ranges written out"
    )]
    Mentions,
}

pub(crate) const ALL: usize = 0;
pub(crate) const UNGROUPED: usize = 1;

/// Where something is written: file and line.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub(crate) file: Rc<PathBuf>,
    pub(crate) line: usize,
}

impl Place {
    /// A problem at this place.
    pub(crate) fn problem(
        &self,
        seen: impl Into<String>,
        wanted: impl Into<String>,
        mend: impl Into<String>,
    ) -> Problem {
        Problem {
            file: self.file.as_ref().clone(),
            line: Some(self.line),
            seen: seen.into(),
            wanted: wanted.into(),
            mend: mend.into(),
        }
    }
}

#[derive(Debug)]
pub(crate) struct Group {
    pub(crate) name: String,
    children: Vec<usize>,
    parents: Vec<usize>,
    variables: Variables,
    priority: i64,
}

#[derive(Debug)]
pub(crate) struct Member {
    pub(crate) name: String,
    groups: Vec<usize>,
    variables: Variables,
}

/// Variables that stand in files beside the inventory, by the group's or host's name.
pub(crate) trait VariableFiles {
    fn of_group(&mut self, name: &str) -> Variables;
    fn of_host(&mut self, name: &str) -> Variables;
}

#[derive(Debug)]
pub(crate) struct Graph {
    groups: Vec<Group>,
    group_by_name: HashMap<String, usize>,
    hosts: Vec<Member>,
    host_by_name: HashMap<String, usize>,
    memberships: HashSet<(usize, usize)>,
    edges: HashMap<(usize, usize), Option<Place>>,
    mentions: usize,
}

/// A host with everything that applies to it.
#[derive(Debug)]
pub(crate) struct Resolved {
    pub(crate) name: String,
    pub(crate) groups: Vec<String>,
    pub(crate) variables: Variables,
}

impl Graph {
    pub(crate) fn new() -> Graph {
        let mut graph = Graph {
            groups: Vec::new(),
            group_by_name: HashMap::new(),
            hosts: Vec::new(),
            host_by_name: HashMap::new(),
            memberships: HashSet::new(),
            edges: HashMap::new(),
            mentions: 0,
        };
        graph.group("all");
        graph.group("ungrouped");
        graph.add_child(ALL, UNGROUPED, None);
        graph
    }

    /// Counts one mention of a host or group.
    pub(crate) fn mention(&mut self) -> Result<(), Full> {
        self.mentions += 1;
        if self.mentions > MOST_MENTIONS {
            return Err(Full::Mentions);
        }
        Ok(())
    }

    /// The group of that name, made where it is new.
    pub(crate) fn group(&mut self, name: &str) -> usize {
        if let Some(known) = self.group_by_name.get(name) {
            return *known;
        }
        let group = self.groups.len();
        self.groups.push(Group {
            name: name.to_owned(),
            children: Vec::new(),
            parents: Vec::new(),
            variables: Variables::new(),
            priority: 1,
        });
        self.group_by_name.insert(name.to_owned(), group);
        group
    }

    pub(crate) fn known_group(&self, name: &str) -> Option<usize> {
        self.group_by_name.get(name).copied()
    }

    pub(crate) fn add_child(&mut self, parent: usize, child: usize, place: Option<Place>) {
        if self.edges.contains_key(&(parent, child)) {
            return;
        }
        self.edges.insert((parent, child), place);
        self.groups[parent].children.push(child);
        self.groups[child].parents.push(parent);
    }

    /// Puts the host into the group. The port counts only where the host is new: so does Ansible.
    pub(crate) fn add_host(
        &mut self,
        name: &str,
        group: usize,
        port: Option<u64>,
    ) -> Result<(), Full> {
        self.mention()?;
        let host = match self.host_by_name.get(name) {
            Some(known) => *known,
            None => {
                let host = self.hosts.len();
                if host >= MOST_HOSTS {
                    return Err(Full::Hosts);
                }
                let mut variables = Variables::new();
                if let Some(port) = port.filter(|port| *port > 0) {
                    let port = i64::try_from(port).unwrap_or(i64::MAX);
                    variables.insert(Variable::Port, Value::Int(port));
                }
                self.hosts.push(Member {
                    name: name.to_owned(),
                    groups: Vec::new(),
                    variables,
                });
                self.host_by_name.insert(name.to_owned(), host);
                host
            }
        };
        if self.memberships.insert((group, host)) {
            self.hosts[host].groups.push(group);
        }
        Ok(())
    }

    /// Sets a variable of a host, or of the group of that name where there is one: so does Ansible.
    pub(crate) fn set_host_variable(&mut self, name: &str, variable: Variable, value: Value) {
        if let Some(group) = self.known_group(name) {
            self.groups[group].variables.insert(variable, value);
        } else if let Some(host) = self.host_by_name.get(name) {
            self.hosts[*host].variables.insert(variable, value);
        }
    }

    pub(crate) fn set_group_variable(&mut self, group: usize, variable: Variable, value: Value) {
        self.groups[group].variables.insert(variable, value);
    }

    pub(crate) fn set_priority(&mut self, group: usize, priority: i64) {
        self.groups[group].priority = priority;
    }

    /// Names that are both a host's and a group's; Ansible gives such a host's variables to the group.
    pub(crate) fn twice_named(&self) -> Vec<&str> {
        self.hosts
            .iter()
            .map(|host| host.name.as_str())
            .filter(|name| self.group_by_name.contains_key(*name))
            .collect()
    }

    /// Completes the tree of groups and gives each host its groups and variables.
    ///
    /// # Errors
    /// Groups that are each other's children.
    pub(crate) fn resolve(
        mut self,
        files: &mut impl VariableFiles,
    ) -> Result<Vec<Resolved>, Vec<Problem>> {
        for group in 1..self.groups.len() {
            if self.groups[group].parents.is_empty() {
                self.add_child(ALL, group, None);
            }
        }
        self.settle_ungrouped();
        let depths = self.depths()?;

        let mut order: Vec<usize> = (0..self.groups.len()).collect();
        order.sort_by(|one, other| {
            let key = |group: usize| {
                (
                    depths[group],
                    self.groups[group].priority,
                    &self.groups[group].name,
                )
            };
            key(*one).cmp(&key(*other))
        });
        let mut rank = vec![0; order.len()];
        for (place, group) in order.iter().enumerate() {
            rank[*group] = place;
        }

        // Hosts of the same groups share what follows from those.
        let mut shared: BTreeMap<Vec<usize>, Rc<(Vec<String>, Variables)>> = BTreeMap::new();
        let mut from_files: HashMap<usize, Variables> = HashMap::new();
        let mut resolved = Vec::with_capacity(self.hosts.len());
        for host in &self.hosts {
            let mut direct = host.groups.clone();
            direct.sort_unstable();
            let of_groups = match shared.get(&direct) {
                Some(known) => Rc::clone(known),
                None => {
                    let made = Rc::new(self.of_groups(&direct, &rank, files, &mut from_files));
                    shared.insert(direct, Rc::clone(&made));
                    made
                }
            };
            let mut variables = of_groups.1.clone();
            variables.extend(host.variables.clone());
            variables.extend(files.of_host(&host.name));
            resolved.push(Resolved {
                name: host.name.clone(),
                groups: of_groups.0.clone(),
                variables,
            });
        }
        Ok(resolved)
    }

    /// A host is in `ungrouped` exactly when it is in no other group but `all`.
    fn settle_ungrouped(&mut self) {
        for host in &mut self.hosts {
            let grouped = host
                .groups
                .iter()
                .any(|group| *group != ALL && *group != UNGROUPED);
            if grouped {
                host.groups.retain(|group| *group != UNGROUPED);
            } else if !host.groups.contains(&UNGROUPED) {
                host.groups.push(UNGROUPED);
            }
        }
    }

    /// Each group's distance from `all`, by the longest way.
    fn depths(&self) -> Result<Vec<usize>, Vec<Problem>> {
        let mut waiting: Vec<usize> = self
            .groups
            .iter()
            .map(|group| group.parents.len())
            .collect();
        let mut depths = vec![0; self.groups.len()];
        let mut ready: Vec<usize> = (0..waiting.len())
            .filter(|group| waiting[*group] == 0)
            .collect();
        let mut done = 0;
        while let Some(group) = ready.pop() {
            done += 1;
            for child in &self.groups[group].children {
                depths[*child] = depths[*child].max(depths[group] + 1);
                waiting[*child] -= 1;
                if waiting[*child] == 0 {
                    ready.push(*child);
                }
            }
        }
        if done == self.groups.len() {
            return Ok(depths);
        }
        Err(self.circle(&waiting))
    }

    /// Names one circle among the groups that still wait for a parent.
    fn circle(&self, waiting: &[usize]) -> Vec<Problem> {
        let mut way = Vec::new();
        let mut next = waiting.iter().position(|left| *left > 0);
        // Upwards: each of them has a parent that waits too, so the way meets itself.
        while let Some(group) = next {
            if let Some(start) = way.iter().position(|passed| *passed == group) {
                way.drain(..start);
                break;
            }
            way.push(group);
            next = self.groups[group]
                .parents
                .iter()
                .copied()
                .find(|parent| waiting[*parent] > 0);
        }
        let names: Vec<&str> = way
            .iter()
            .rev()
            .map(|group| self.groups[*group].name.as_str())
            .collect();
        // An edge that Ansible implies has no place; the one that closes the circle has.
        let place = way
            .iter()
            .enumerate()
            .filter_map(|(at, child)| {
                self.edges
                    .get(&(way[(at + 1) % way.len()], *child))?
                    .as_ref()
            })
            .max_by_key(|place| place.line);
        place
            .map(|place| {
                place.problem(
                    format!("the groups {} are children in a circle", names.join(", ")),
                    "groups without a circle",
                    "take one of them out of another's children",
                )
            })
            .into_iter()
            .collect()
    }

    fn of_groups(
        &self,
        direct: &[usize],
        rank: &[usize],
        files: &mut impl VariableFiles,
        from_files: &mut HashMap<usize, Variables>,
    ) -> (Vec<String>, Variables) {
        let mut seen: HashSet<usize> = direct.iter().copied().collect();
        let mut next = direct.to_vec();
        while let Some(group) = next.pop() {
            next.extend(
                self.groups[group]
                    .parents
                    .iter()
                    .filter(|parent| seen.insert(**parent)),
            );
        }
        seen.remove(&ALL);
        let mut above: Vec<usize> = seen.into_iter().collect();
        above.sort_by_key(|group| rank[*group]);

        let mut variables = self.groups[ALL].variables.clone();
        for group in &above {
            variables.extend(self.groups[*group].variables.clone());
        }
        for group in std::iter::once(&ALL).chain(&above) {
            let found = from_files
                .entry(*group)
                .or_insert_with(|| files.of_group(&self.groups[*group].name));
            variables.extend(found.clone());
        }
        let mut names: Vec<String> = above
            .iter()
            .map(|group| self.groups[*group].name.clone())
            .collect();
        names.sort_unstable();
        (names, variables)
    }
}
