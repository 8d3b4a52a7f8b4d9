//! Two pictures of a run: what each row costs, and what growth costs.

use crate::{growth::Growth, rounds::Measured};
use anyhow::{Result, anyhow};
use plotters::{
    coord::Shift,
    prelude::*,
    style::text_anchor::{HPos, Pos, VPos},
};
use std::path::Path;

const INK: RGBColor = RGBColor(60, 60, 67);
const WIDTH: i32 = 760;
const LINE: i32 = 26;
/// Where bars begin.
const LEFT: i32 = 300;

fn color(kind: &str) -> RGBColor {
    match kind {
        "ours" => RGBColor(13, 110, 110),
        "limit" => RGBColor(150, 150, 158),
        _ => RGBColor(214, 142, 54),
    }
}

fn text(size: i32, at: HPos) -> TextStyle<'static> {
    ("sans-serif", size)
        .into_font()
        .color(&INK)
        .pos(Pos::new(at, VPos::Center))
}

fn area(path: &Path, height: i32) -> DrawingArea<SVGBackend<'_>, Shift> {
    SVGBackend::new(path, (WIDTH.unsigned_abs(), height.unsigned_abs())).into_drawing_area()
}

/// CPU time of the server for a request, row by row.
pub(crate) fn costs(path: &Path, rows: &[Measured]) -> Result<()> {
    let failed = |error: DrawingAreaErrorKind<_>| anyhow!("{}: {error:?}", path.display());
    let area = area(path, 60 + LINE * rows.len() as i32);
    area.fill(&WHITE).map_err(failed)?;
    let title = "CPU time of the server for a request, in µs";
    area.draw(&Text::new(title, (16, 24), text(17, HPos::Left)))
        .map_err(failed)?;
    let most = rows.iter().map(|row| row.cpu_us.median).fold(1.0, f64::max);
    for (row, place) in rows.iter().zip(0..) {
        let middle = 62 + LINE * place;
        let value = row.cpu_us.median;
        let end = LEFT + (f64::from(WIDTH - LEFT - 70) * value / most) as i32;
        let bar = Rectangle::new(
            [(LEFT, middle - 8), (end, middle + 8)],
            color(row.kind).filled(),
        );
        area.draw(&bar).map_err(failed)?;
        let name = Text::new(
            row.name.as_str(),
            (LEFT - 10, middle),
            text(13, HPos::Right),
        );
        area.draw(&name).map_err(failed)?;
        let label = Text::new(
            format!("{value:.0}"),
            (end + 8, middle),
            text(13, HPos::Left),
        );
        area.draw(&label).map_err(failed)?;
    }
    area.present().map_err(failed)
}

/// CPU time of operations by the number of keys.
pub(crate) fn growth(path: &Path, growth: &[Growth]) -> Result<()> {
    let failed = |error: DrawingAreaErrorKind<_>| anyhow!("{}: {error:?}", path.display());
    let area = area(path, 380);
    area.fill(&WHITE).map_err(failed)?;
    let all = || growth.iter().flat_map(|growth| &growth.cpu_us);
    let largest = all().map(|(size, _)| *size).max().unwrap_or(1_000);
    let most = all().map(|(_, cost)| *cost).fold(1.0, f64::max);
    let mut chart = ChartBuilder::on(&area)
        .caption(
            "CPU time of an operation, in µs, by the number of keys",
            text(17, HPos::Left),
        )
        .margin(16)
        .margin_right(40)
        .x_label_area_size(30)
        .y_label_area_size(50)
        .build_cartesian_2d((900..largest + largest / 10).log_scale(), 0.0..most * 1.5)
        .map_err(failed)?;
    chart
        .configure_mesh()
        .light_line_style(TRANSPARENT)
        .bold_line_style(INK.mix(0.15))
        .axis_style(INK)
        .label_style(text(13, HPos::Center))
        .y_label_formatter(&|cost| format!("{cost:.0}"))
        .draw()
        .map_err(failed)?;
    let colors = [
        RGBColor(13, 110, 110),
        RGBColor(214, 142, 54),
        RGBColor(110, 80, 160),
        RGBColor(190, 70, 70),
    ];
    for (growth, color) in growth.iter().zip(colors) {
        let points = growth.cpu_us.iter().copied();
        chart
            .draw_series(LineSeries::new(points, color.stroke_width(2)).point_size(3))
            .map_err(failed)?
            .label(growth.operation)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 16, y)], color.stroke_width(2)));
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperLeft)
        .background_style(WHITE.mix(0.9))
        .border_style(TRANSPARENT)
        .label_font(text(13, HPos::Left))
        .draw()
        .map_err(failed)?;
    area.present().map_err(failed)
}
