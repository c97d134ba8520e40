//! Which captured values a step may write, and what is told of one that it may not.

use actions_kit::suggest;
use probes::flow::Template;

use super::no_template;
use crate::{Fields, Problems, Setting};

/// The names that the steps so far have captured.
pub(super) struct Known<'a> {
    before: Vec<&'a str>,
    /// How many steps have been read.
    steps: usize,
    /// Every name of the flow, with the number of the step that captures it.
    ever: Vec<(&'a str, usize)>,
}

impl<'a> Known<'a> {
    /// What is known before the first of `steps`.
    pub(super) fn new(steps: &[&'a Fields]) -> Known<'a> {
        let ever = steps
            .iter()
            .enumerate()
            .flat_map(|(index, step)| names(step).map(move |name| (name, index + 1)))
            .collect();
        Known {
            before: Vec::new(),
            steps: 0,
            ever,
        }
    }

    /// A step was read: what it captures is known from now on.
    pub(super) fn next_step(&mut self) {
        self.steps += 1;
        self.before = self
            .ever
            .iter()
            .filter(|(_, step)| *step <= self.steps)
            .map(|(name, _)| *name)
            .collect();
    }

    /// The template that `text` of `key` writes; one without places where it is none, which is told.
    pub(super) fn template(
        &self,
        fields: &Fields,
        key: &str,
        text: &str,
        problems: &mut Problems,
    ) -> Template {
        match Template::parse(text) {
            Ok(template) => {
                let names: Vec<String> = template.places().map(str::to_owned).collect();
                self.all(fields, key, &names, problems);
                template
            }
            Err(error) => {
                no_template(fields, key, &error, problems);
                Template::literal("")
            }
        }
    }

    /// Tells which of `names` are not captured before this step.
    pub(super) fn all(
        &self,
        fields: &Fields,
        key: &str,
        names: &[String],
        problems: &mut Problems,
    ) {
        for name in names {
            if self.before.contains(&name.as_str()) {
                continue;
            }
            let later = self.ever.iter().find(|(known, _)| known == name);
            let near = suggest::nearest(name, self.before.iter().copied());
            let mend = match (later, near) {
                (Some((_, step)), _) if *step == self.steps + 1 => {
                    format!("this step captures `{name}` from its answer; later steps can write it")
                }
                (Some((_, step)), _) => {
                    format!("step {step} captures `{name}`: put it before this one")
                }
                (None, Some(near)) => format!("did you mean `{near}`?"),
                (None, None) => {
                    format!("add it to a step before: `capture: {{{name}: {{json: /{name}}}}}`")
                }
            };
            // Without the braces: with them it may be the whole value of a key that is secret, and hidden.
            fields.wrong(
                key,
                &format!("`{name}`"),
                "the name of a value that a step before this one captures",
                &mend,
                problems,
            );
        }
    }
}

/// Tells where a captured value is written into what an answer must be: it is filled into requests alone, and would be
/// wanted there as it is written. Regular expressions refuse `{{` themselves.
pub(super) fn none_in_answer(step: &Fields, problems: &mut Problems) {
    for key in ["json", "response-headers"] {
        for (place, setting) in step.map(key) {
            let mut names = Template::places_in(&place.as_str().into()).unwrap_or_default();
            if let Setting::Json(json) = setting {
                names.extend(Template::places_in(json).unwrap_or_default());
            }
            for name in names {
                tell(step, key, &name, problems);
            }
        }
    }
    for (_, setting) in step.map("capture") {
        if let Setting::Object(capture) = setting {
            let pointer = capture.text("json").unwrap_or_default();
            for name in Template::places_in(&pointer.into()).unwrap_or_default() {
                tell(capture, "json", &name, problems);
            }
        }
    }
}

fn tell(fields: &Fields, key: &str, name: &str, problems: &mut Problems) {
    fields.wrong(
        key,
        &format!("the captured value `{name}`"),
        "what is known when the file is read",
        "write captured values into the request, such as its `url`; the text itself is wanted by `matches`",
        problems,
    );
}

/// What `step` captures.
fn names(step: &Fields) -> impl Iterator<Item = &str> {
    step.map("capture").iter().map(|(name, _)| name.as_str())
}
