//! Columns of text.

use super::styled;
use anstyle::Style;

/// Rows of cells, printed in columns as wide as their widest cell.
#[derive(Clone, Debug, Default)]
pub(crate) struct Grid {
    rows: Vec<Row>,
}

#[derive(Clone, Debug)]
enum Row {
    Line(String),
    Cells(Vec<(String, Style)>),
}

impl Grid {
    /// Adds a line that is no row of columns.
    pub(crate) fn line(&mut self, line: impl Into<String>) {
        self.rows.push(Row::Line(line.into()));
    }

    /// Adds a row of cells.
    pub(crate) fn row(&mut self, cells: impl IntoIterator<Item = (String, Style)>) {
        self.rows.push(Row::Cells(cells.into_iter().collect()));
    }

    /// The text: the first column to the left, the others to the right.
    pub(crate) fn print(&self) -> String {
        let mut widths: Vec<usize> = Vec::new();
        for row in &self.rows {
            let Row::Cells(cells) = row else { continue };
            widths.resize(widths.len().max(cells.len()), 0);
            for (width, (cell, _)) in widths.iter_mut().zip(cells) {
                *width = (*width).max(cell.chars().count());
            }
        }
        let mut text = String::new();
        for row in &self.rows {
            match row {
                Row::Line(line) => text += line,
                Row::Cells(cells) => {
                    let mut line = String::new();
                    for (at, ((cell, style), width)) in cells.iter().zip(&widths).enumerate() {
                        let space = " ".repeat(width - cell.chars().count());
                        let cell = styled(*style, cell);
                        line += &match at {
                            0 => format!("  {cell}{space}"),
                            _ => format!("  {space}{cell}"),
                        };
                    }
                    text += line.trim_end();
                }
            }
            text.push('\n');
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let mut grid = Grid::default();
        let plain = |cells: [&str; 2]| cells.map(|cell| (cell.to_owned(), Style::new()));
        grid.row(plain(["a", "to 1"]));
        grid.line("Round 1");
        grid.row(plain(["long", "é"]));
        assert_eq!(grid.print(), "  a     to 1\nRound 1\n  long     é\n");
    }
}
