//! The display, fed without HTTP.

use cli::progress::Display;
use cli::{Format, Output};
use protocol::{Kind, ProgressEvent};

use crate::console::Tape;
use crate::sample::{event, good_run, step};

fn shown(format: Format, events: &[ProgressEvent]) -> String {
    let tape = Tape::default();
    let mut output = Output::to(format, tape.clone(), Tape::default());
    let mut display = Display::new(&mut output);
    for event in events {
        display.show(event).unwrap();
    }
    tape.text()
}

#[test]
fn a_step_is_one_line() {
    insta::assert_snapshot!(shown(Format::Text, &good_run()), @r"
    · Loyalty points waits for approval.
    ✓ Approved by Grace.
    ✓ [ 1/11] Validate …                   0.3 s  It may run.
    ✓ [ 3/11] Database backup …            1.2 s  Saved 4.2 MB.
    ✓ Loyalty points serves.
    ✓ Nothing is left behind.
    ");
}

#[test]
fn putting_back_is_its_own_section() {
    let events = [
        step(1, 0, Kind::StepStarted, 5, "Building the image."),
        step(2, 20, Kind::StepRetried, 5, "The network was away; trying once more."),
        step(3, 920, Kind::StepFinished, 5, "The image is built."),
        step(4, 930, Kind::StepStarted, 9, "Asking the new version how it is."),
        step(5, 1_230, Kind::RollingBack, 9, "The new version does not answer."),
        step(6, 1_230, Kind::StepStarted, 8, "Stopping the new version."),
        step(7, 1_238, Kind::StepFinished, 8, "Stopped the new version."),
        event(8, 1_240, Kind::RollingBack, "Nothing was lost so far."),
        step(9, 1_250, Kind::StepFinished, 1, "The old version answers as before."),
        event(10, 1_260, Kind::RolledBack, "The version from before serves again."),
    ];
    insta::assert_snapshot!(shown(Format::Text, &events), @r"
    ↻ [ 5/11] Image build … The network was away; trying once more.
    ✓ [ 5/11] Image build …           1 min 32 s  The image is built.
    ✗ [ 9/11] Health check …                30 s  The new version does not answer.

    Putting everything back …
      ✓ Stopped the new version.  0.8 s
      · Nothing was lost so far.
      ✓ The old version answers as before.
    ✓ The version from before serves again.
    ");
}

#[test]
fn a_step_whose_end_was_never_told_ends_with_the_promotion() {
    let events = [
        step(1, 0, Kind::StepStarted, 2, "Looking at the windows."),
        event(2, 3, Kind::Held, "The window opens on Tuesday at 22:00."),
    ];
    insta::assert_snapshot!(shown(Format::Text, &events), @r"
    ✗ [ 2/11] Window check …               0.3 s
    ✗ The window opens on Tuesday at 22:00.
    ");
}

#[test]
fn programs_get_every_event_on_its_line() {
    let text = shown(Format::Json, &good_run());
    let events: Vec<ProgressEvent> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(events, good_run());
}

#[test]
fn nothing_that_others_wrote_steers_the_terminal() {
    let event = event(1, 0, Kind::Approved, "Approved by \u{1b}]0;owned\u{7}Grace\u{9b}2J.");
    assert_eq!(shown(Format::Text, &[event]), "✓ Approved by ]0;ownedGrace2J.\n");
}
