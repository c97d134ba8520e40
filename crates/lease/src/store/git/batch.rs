//! Reads several objects in one `git cat-file --batch`.

use std::path::Path;

use super::{command::Git, failure::Judge};
use crate::store::StoreError;

/// One object, by the name it was asked for.
#[derive(Debug)]
pub(super) struct Object {
    pub(super) oid: String,
    /// `commit`, `blob`, `tree` or `tag`.
    pub(super) kind: String,
    pub(super) content: Vec<u8>,
}

impl Object {
    /// A commit's message: what stands after the first empty line.
    pub(super) fn message(&self) -> String {
        let text = String::from_utf8_lossy(&self.content);
        text.split_once("\n\n")
            .map(|(_, message)| message.to_owned())
            .unwrap_or_default()
    }

    /// A commit's first parent.
    pub(super) fn parent(&self) -> Option<String> {
        self.header("parent ").map(str::to_owned)
    }

    /// When a commit was made: whole seconds since 1970.
    pub(super) fn committed_at(&self) -> Option<u64> {
        let (_, date) = self.header("committer ")?.rsplit_once("> ")?;
        date.split(' ').next()?.parse().ok()
    }

    /// The rest of a commit's first line before its message that begins so.
    fn header(&self, start: &str) -> Option<&str> {
        let head = self.content.split(|b| *b == b'\n');
        head.take_while(|line| !line.is_empty())
            .find_map(|line| line.strip_prefix(start.as_bytes()))
            .and_then(|rest| std::str::from_utf8(rest).ok())
    }
}

/// The objects named by `names`, in their order; nothing where there is none by that name.
pub(super) async fn read(
    repository: &Path,
    names: &[String],
    git: &Git,
    judge: &Judge,
) -> Result<Vec<Option<Object>>, StoreError> {
    let mut asked = names.join("\n");
    asked.push('\n');
    let arguments = ["--git-dir=.", "cat-file", "--batch"];
    let answer = git
        .run(repository, arguments, asked.as_bytes())
        .await
        .map_err(|e| judge.not_run(&e))?;
    if !answer.status.success() {
        return Err(judge.local(judge.tell(&answer.stderr)));
    }
    let objects = parse(&answer.stdout);
    if objects.len() == names.len() {
        Ok(objects)
    } else {
        Err(judge.local("git cat-file answered in an unknown form".to_owned()))
    }
}

/// Reads `<oid> <type> <size> LF <content> LF`, or `<name> missing LF` (git-cat-file(1), "BATCH OUTPUT").
fn parse(mut output: &[u8]) -> Vec<Option<Object>> {
    let mut objects = Vec::new();
    while let Some(end) = output.iter().position(|b| *b == b'\n') {
        let header = String::from_utf8_lossy(&output[..end]).into_owned();
        output = &output[end + 1..];
        let words: Vec<&str> = header.split(' ').collect();
        let [oid, kind @ ("commit" | "blob" | "tree" | "tag"), size] = words[..] else {
            objects.push(None);
            continue;
        };
        let Some(content) = size.parse().ok().and_then(|size: usize| output.get(..size)) else {
            break;
        };
        objects.push(Some(Object {
            oid: oid.to_owned(),
            kind: kind.to_owned(),
            content: content.to_vec(),
        }));
        output = output.get(content.len() + 1..).unwrap_or_default();
    }
    objects
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_with_line_breaks_and_missing_ones_are_told_apart() {
        let found = parse(b"aa commit 12\ntree x\n\nhi\n!\nrefs/x:a b.json missing\nbb blob 0\n\n");
        assert_eq!(found.len(), 3);
        assert_eq!(found[0].as_ref().unwrap().message(), "hi\n!");
        assert!(found[1].is_none());
        assert_eq!(found[2].as_ref().unwrap().content, b"");
    }

    #[test]
    fn parent_and_date_of_a_commit_are_read_from_its_head_alone() {
        let read = |content: &str| Object {
            oid: "aa".into(),
            kind: "commit".into(),
            content: content.into(),
        };
        let first = read("tree x\nauthor a <b> 1 +0000\ncommitter a <b> 7 +0000\n\nparent y\n");
        assert_eq!((first.parent(), first.committed_at()), (None, Some(7)));
        let second = read("tree x\nparent y\nparent z\nauthor a <b> 1 +0000\n\n");
        assert_eq!(second.parent(), Some("y".to_owned()));
        assert_eq!(second.committed_at(), None);
    }

    #[test]
    fn a_cut_off_answer_yields_no_object_for_its_end() {
        assert!(parse(b"aa blob 10\nabc").is_empty());
    }
}
