//! Lists that come in pages.

use std::collections::BTreeSet;

use http::{HeaderMap, header::LINK};
use serde::{Deserialize, de::DeserializeOwned};

use crate::{Client, GitHubError, Unknown, resource::Resource};

/// The most elements a page may have (<https://docs.github.com/rest/using-the-rest-api/using-pagination-in-the-rest-api>).
const PAGE: usize = 100;

/// More pages than the longest list has that we have a use for: a run has at most 256 jobs to a matrix.
const PAGES: usize = 50;

/// A page of a list that says how long it is. Every list has its own word for its elements.
#[derive(Deserialize)]
struct Page<T> {
    total_count: usize,
    #[serde(
        alias = "jobs",
        alias = "runners",
        alias = "runner_groups",
        alias = "secrets",
        alias = "workflow_runs",
        alias = "concurrency_groups"
    )]
    elements: Vec<T>,
}

impl Client {
    /// The whole of a list that says how long it is, page by page; `query` may be empty. `key` tells elements apart: one
    /// that is put in front while the pages are read moves others to the next page, and they come twice.
    pub(crate) async fn listed<T: DeserializeOwned, K: Ord>(
        &self,
        what: &Resource,
        query: &str,
        key: impl Fn(&T) -> K,
    ) -> Result<Vec<T>, GitHubError> {
        let deadline = self.deadline();
        let mut elements: Vec<T> = Vec::new();
        let mut seen = BTreeSet::new();
        let mut total = 0;
        for number in 1..=PAGES {
            let (page, _): (Page<T>, _) = self
                .get(what, &paged(query, &page_number(number)), deadline)
                .await?;
            total = page.total_count;
            let last = page.elements.len() < PAGE;
            elements.extend(page.elements.into_iter().filter(|e| seen.insert(key(e))));
            if last || elements.len() >= total {
                break;
            }
        }
        self.whole(elements, total)
    }

    /// The whole of a list that is a bare array: it ends with the first page that is not full.
    pub(crate) async fn array<T: DeserializeOwned>(
        &self,
        what: &Resource,
        query: &str,
    ) -> Result<Vec<T>, GitHubError> {
        let deadline = self.deadline();
        let mut elements: Vec<T> = Vec::new();
        for number in 1..=PAGES {
            let (page, _): (Vec<T>, _) = self
                .get(what, &paged(query, &page_number(number)), deadline)
                .await?;
            let last = page.len() < PAGE;
            elements.extend(page);
            if last {
                return Ok(elements);
            }
        }
        let more = elements.len() + 1;
        self.whole(elements, more)
    }

    /// The whole of a list whose pages are found by a cursor, in the `next` link of each answer.
    pub(crate) async fn by_cursor<T: DeserializeOwned, K: Ord>(
        &self,
        what: &Resource,
        key: impl Fn(&T) -> K,
    ) -> Result<Vec<T>, GitHubError> {
        let deadline = self.deadline();
        let mut elements: Vec<T> = Vec::new();
        let mut seen = BTreeSet::new();
        let mut total = 0;
        let mut cursor = String::new();
        for _ in 1..=PAGES {
            let (page, headers): (Page<T>, _) =
                self.get(what, &paged("", &cursor), deadline).await?;
            total = page.total_count;
            elements.extend(page.elements.into_iter().filter(|e| seen.insert(key(e))));
            match next_cursor(&headers) {
                Some(next) if elements.len() < total => cursor = format!("&after={next}"),
                _ => break,
            }
        }
        self.whole(elements, total)
    }

    fn whole<T>(&self, elements: Vec<T>, total: usize) -> Result<Vec<T>, GitHubError> {
        if elements.len() < total {
            return Err(self.unknown(Unknown::Incomplete {
                got: elements.len(),
                total,
            }));
        }
        Ok(elements)
    }
}

fn paged(query: &str, page: &str) -> String {
    let and = if query.is_empty() { "" } else { "&" };
    format!("{query}{and}per_page={PAGE}{page}")
}

/// The first page is asked for without its number, as GitHub's own links do.
fn page_number(number: usize) -> String {
    if number == 1 {
        String::new()
    } else {
        format!("&page={number}")
    }
}

/// The value of `after`, as it stands there, in `<https://…?after=Y3Vyc29y&per_page=100>; rel="next"` (RFC 8288).
fn next_cursor(headers: &HeaderMap) -> Option<String> {
    let links = headers.get(LINK)?.to_str().ok()?;
    let next = links
        .split(',')
        .find(|link| link.contains("rel=\"next\""))?;
    let (address, _) = next.split_once('<')?.1.split_once('>')?;
    let (_, query) = address.split_once('?')?;
    query
        .split('&')
        .find_map(|pair| pair.strip_prefix("after="))
        .filter(|cursor| !cursor.is_empty() && !cursor.contains('#'))
        .map(str::to_owned)
}
