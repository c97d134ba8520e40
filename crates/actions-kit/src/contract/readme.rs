//! The tables of an action's README, which stand between `<!-- inputs:begin -->` and `<!-- inputs:end -->`, likewise
//! `outputs` and `exit-codes`.

use crate::{Input, Table, markdown};

impl Table {
    /// The README's table of inputs.
    pub fn readme_inputs_markdown(&self) -> String {
        if self.modes.is_empty() {
            let rows = self
                .inputs
                .iter()
                .map(|input| vec![markdown::code(input.name), default_of(input), help(input)]);
            return markdown::table(&["input", "default", "meaning"], rows);
        }
        let rows = self.inputs.iter().map(|input| {
            let modes: Vec<String> = input
                .modes
                .iter()
                .map(|mode| markdown::code(mode))
                .collect();
            let modes = if modes.is_empty() {
                String::from("all")
            } else {
                modes.join(", ")
            };
            vec![
                markdown::code(input.name),
                default_of(input),
                modes,
                help(input),
            ]
        });
        markdown::table(&["input", "default", "modes", "meaning"], rows)
    }

    /// The README's table of outputs.
    pub fn readme_outputs_markdown(&self) -> String {
        let rows = self
            .outputs
            .iter()
            .map(|output| vec![markdown::code(output.name), cell(output.help)]);
        markdown::table(&["output", "meaning"], rows)
    }

    /// The README's table of exit codes.
    pub fn exit_codes_markdown(&self) -> String {
        let rows = self
            .exit_codes
            .iter()
            .map(|exit| vec![exit.code.to_string(), cell(exit.help)]);
        markdown::table(&["exit code", "meaning"], rows)
    }

    /// Everything in which the tables of a README differ from this table.
    pub fn readme_problems(&self, text: &str) -> Vec<String> {
        match self.readme_with_tables(text) {
            Err(problems) => problems,
            Ok(wanted) if wanted == text => Vec::new(),
            Ok(_) => self
                .sections()
                .into_iter()
                .filter_map(|(name, table)| differs(text, name, &table))
                .collect(),
        }
    }

    /// The README with its tables made anew; the rest of it stays.
    ///
    /// # Errors
    /// What is wrong with the markers.
    pub fn readme_with_tables(&self, text: &str) -> Result<String, Vec<String>> {
        let mut problems = Vec::new();
        let mut text = text.to_owned();
        for (name, table) in self.sections() {
            match between(&text, name) {
                Ok(range) => text.replace_range(range, &format!("\n{table}")),
                Err(problem) => problems.push(problem),
            }
        }
        if problems.is_empty() {
            Ok(text)
        } else {
            Err(problems)
        }
    }

    fn sections(&self) -> [(&'static str, String); 3] {
        [
            ("inputs", self.readme_inputs_markdown()),
            ("outputs", self.readme_outputs_markdown()),
            ("exit-codes", self.exit_codes_markdown()),
        ]
    }
}

/// Where the text between the two markers of `name` stands.
fn between(text: &str, name: &str) -> Result<std::ops::Range<usize>, String> {
    let (begin, end) = (
        format!("<!-- {name}:begin -->"),
        format!("<!-- {name}:end -->"),
    );
    if text.matches(&begin).count() != 1 || text.matches(&end).count() != 1 {
        return Err(format!(
            "the README does not have {begin} and {end} once each"
        ));
    }
    match (text.find(&begin), text.find(&end)) {
        (Some(start), Some(stop)) if start + begin.len() <= stop => Ok(start + begin.len()..stop),
        _ => Err(format!("{end} stands before {begin} in the README")),
    }
}

fn differs(text: &str, name: &str, table: &str) -> Option<String> {
    let found = &text[between(text, name).ok()?];
    let missing = table
        .lines()
        .find(|line| !found.lines().any(|other| other == *line));
    let extra = found
        .lines()
        .find(|line| !line.is_empty() && !table.lines().any(|other| other == *line));
    match (missing, extra) {
        (Some(line), _) => Some(format!("the README's {name} lack the line: {line}")),
        (None, Some(line)) => Some(format!("the README's {name} have a line too many: {line}")),
        (None, None) if found != format!("\n{table}") => {
            Some(format!("the README's {name} are in another order"))
        }
        (None, None) => None,
    }
}

fn default_of(input: &Input) -> String {
    match (input.declared_default().or(input.default), input.required) {
        (Some(default), _) => markdown::code(default),
        (None, true) => String::from("**required**"),
        (None, false) => String::new(),
    }
}

fn help(input: &Input) -> String {
    cell(input.help)
}

/// Help is Markdown of our own; only what would end the cell needs care.
fn cell(help: &str) -> String {
    help.replace('|', "\\|")
}

#[cfg(test)]
mod tests {
    use crate::test_table::TABLE;

    const EMPTY: &str = "# relay\n<!-- inputs:begin --><!-- inputs:end -->\ntext\n<!-- outputs:begin -->\nold\n\
                         <!-- outputs:end -->\n<!-- exit-codes:begin -->\n<!-- exit-codes:end -->\nend\n";

    fn sound() -> String {
        TABLE
            .readme_with_tables(EMPTY)
            .expect("the markers are there")
    }

    #[test]
    fn the_tables_name_everything_and_the_rest_of_the_text_stays() {
        let text = sound();
        for wanted in [
            "| `environment` | **required** | all | What is deployed to. |\n",
            "| `candidate` | `${{ matrix.candidate }}` | `deploy` | This leg's number. |\n",
            "| `labels` |  | all | Labels of runners \\| any. |\n",
            "| `outcome` | How it ended. |\n",
            "| 64 | an input is wrong |\n",
            "<!-- inputs:end -->\ntext\n",
        ] {
            assert!(text.contains(wanted), "{wanted} is missing in:\n{text}");
        }
        assert!(
            !text.contains("\nold\n") && text.starts_with("# relay\n") && text.ends_with("end\n"),
            "{text}"
        );
    }

    #[test]
    fn a_readme_made_from_the_table_agrees_with_it_and_making_it_again_changes_nothing() {
        assert_eq!(TABLE.readme_problems(&sound()), Vec::<String>::new());
        assert_eq!(TABLE.readme_with_tables(&sound()), Ok(sound()));
    }

    #[test]
    fn every_departure_from_the_table_is_found() {
        let row = "| `outcome` | How it ended. |\n";
        let swapped = "| `fencing-token` | The token. |\n| `outcome` | How it ended. |\n";
        let text = sound();
        for (from, to, wanted) in [
            (
                "| `10m` |",
                "| `9m` |",
                "inputs lack the line: | `attempt-timeout` |",
            ),
            (row, "", "outputs lack the line: | `outcome` |"),
            (
                row,
                "| `more` | x |\n| `outcome` | How it ended. |\n",
                "outputs have a line too many: | `more`",
            ),
            (
                "| `outcome` | How it ended. |\n| `fencing-token` | The token. |\n",
                swapped,
                "outputs are in another order",
            ),
            (
                "<!-- exit-codes:end -->",
                "",
                "<!-- exit-codes:end --> once each",
            ),
            (
                "<!-- inputs:begin -->",
                "<!-- inputs:begin -->\n<!-- inputs:begin -->",
                "once each",
            ),
        ] {
            assert!(text.contains(from), "{from} is not there to be changed");
            let problems = TABLE.readme_problems(&text.replace(from, to)).join("\n");
            assert!(
                problems.contains(wanted),
                "{wanted} is missing in:\n{problems}"
            );
        }
        let crossed = EMPTY
            .replace("inputs:begin", "x")
            .replace("inputs:end", "inputs:begin")
            .replace("<!-- x", "<!-- inputs:end");
        assert!(
            TABLE
                .readme_problems(&crossed)
                .join("\n")
                .contains("stands before")
        );
    }
}
