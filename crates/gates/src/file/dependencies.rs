//! `depends-on`: names to places in the list, and no way back to the beginning.

use std::collections::HashMap;

use actions_kit::suggest;

use super::reader::{Reader, shown};

/// A gate's name and what it depends on, each with the line of `depends-on`.
pub(super) struct Wants<'a> {
    pub(super) name: Option<&'a str>,
    pub(super) depends_on: Vec<&'a str>,
    pub(super) line: usize,
}

/// The places of the gates that each one depends on; what names no gate, the gate itself, or closes a circle is told.
pub(super) fn resolve(gates: &[Wants<'_>], reader: &mut Reader<'_>) -> Vec<Vec<usize>> {
    let mut places: HashMap<&str, usize> = HashMap::new();
    for (at, gate) in gates.iter().enumerate() {
        if let Some(name) = gate.name {
            places.entry(name).or_insert(at);
        }
    }
    let mut resolved = Vec::with_capacity(gates.len());
    for (at, gate) in gates.iter().enumerate() {
        let mut found = Vec::new();
        for name in &gate.depends_on {
            match places.get(name) {
                Some(place) if *place == at => reader.wrong(
                    place_of(gate),
                    gate.line,
                    format!("{}, the gate itself", shown(name)),
                    "another gate",
                    "remove it",
                ),
                Some(place) if found.contains(place) => {}
                Some(place) => found.push(*place),
                None => {
                    let others = places.iter().filter(|(_, place)| **place != at);
                    let near = suggest::nearest(name, others.map(|(other, _)| *other));
                    let mend = match near.filter(|_| !name.trim().is_empty()) {
                        Some(near) => format!("did you mean `{near}`?"),
                        None => String::from("write the name of a gate of this file, or remove it"),
                    };
                    let seen = match name.trim() {
                        "" => String::from("an empty text"),
                        _ => format!("{}, which is no gate", shown(name)),
                    };
                    reader.wrong(
                        place_of(gate),
                        gate.line,
                        seen,
                        "the name of another gate",
                        mend,
                    );
                }
            }
        }
        resolved.push(found);
    }
    for circle in circles(&resolved) {
        let first = &gates[circle[0]];
        let names: Vec<&str> = circle
            .iter()
            .chain(circle.first())
            .map(|at| gates[*at].name.unwrap_or_default())
            .collect();
        reader.wrong(
            place_of(first),
            first.line,
            format!("a circle: {}", names.join(" -> ")),
            "gates that do not wait for themselves",
            "remove one of these dependencies",
        );
    }
    resolved
}

fn place_of(gate: &Wants<'_>) -> String {
    format!("gate {}, `depends-on`", gate.name.unwrap_or_default())
}

/// One circle for every set of gates that wait for each other, found by following the first way back.
fn circles(edges: &[Vec<usize>]) -> Vec<Vec<usize>> {
    #[derive(Clone, Copy, PartialEq)]
    enum Seen {
        Not,
        OnWay,
        Done,
    }
    let mut seen = vec![Seen::Not; edges.len()];
    let mut circles = Vec::new();
    for start in 0..edges.len() {
        // The way from the start, with how many of each gate's edges were followed: no recursion, a file may hold a
        // chain of all its gates.
        let mut way: Vec<(usize, usize)> = Vec::new();
        if seen[start] == Seen::Not {
            seen[start] = Seen::OnWay;
            way.push((start, 0));
        }
        while let Some((at, followed)) = way.last_mut() {
            let at = *at;
            match edges[at].get(*followed) {
                None => {
                    seen[at] = Seen::Done;
                    way.pop();
                }
                Some(next) => {
                    *followed += 1;
                    match seen[*next] {
                        Seen::Done => {}
                        Seen::Not => {
                            seen[*next] = Seen::OnWay;
                            way.push((*next, 0));
                        }
                        Seen::OnWay => {
                            let from = way.iter().position(|(gate, _)| gate == next).unwrap_or(0);
                            circles.push(way[from..].iter().map(|(gate, _)| *gate).collect());
                        }
                    }
                }
            }
        }
    }
    circles
}
