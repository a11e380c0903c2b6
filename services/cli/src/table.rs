//! Aligned columns.

/// The rows under their headings, each column as wide as its widest cell. A cell stays on one line.
pub(crate) fn render<const N: usize>(headings: [&str; N], rows: &[[String; N]]) -> String {
    let mut widths = headings.map(|heading| heading.chars().count());
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let mut lines = vec![line(&headings, &widths)];
    lines.extend(rows.iter().map(|row| line(row, &widths)));
    lines.join("\n")
}

fn line<T: AsRef<str>, const N: usize>(cells: &[T; N], widths: &[usize; N]) -> String {
    let padded = cells.iter().zip(widths).map(|(cell, &width)| {
        let cell = cell.as_ref().replace(['\n', '\t'], " ");
        format!("{cell:<width$}  ")
    });
    padded.collect::<String>().trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let rows = [["CP-1", "Größe"], ["CP-22222", "a\nb"]].map(|row| row.map(str::to_owned));
        assert_eq!(render(["ID", "TITLE"], &rows), "ID        TITLE\nCP-1      Größe\nCP-22222  a b");
    }
}
