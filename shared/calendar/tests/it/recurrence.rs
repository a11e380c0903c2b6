//! Recurring blackouts: the examples of RFC 5545, and others.

use calendar::{Blackout, InvalidFeed, Zone};

use crate::sample::at;

/// The days of a whole-day event from its start to the end of 2050 at the latest, ten at most.
fn days(start: &str, rule: &str) -> Result<Vec<String>, InvalidFeed> {
    let text =
        format!("BEGIN:VCALENDAR\nBEGIN:VEVENT\nDTSTART:{start}\nRRULE:{rule}\nEND:VEVENT\nEND:VCALENDAR\n");
    let (from, until) = (at("1990-01-01T00:00:00Z"), at("2050-12-31T00:00:00Z"));
    let blackouts = Blackout::from_ics(&text, &Zone::UTC, from, until)?;
    Ok(blackouts.iter().take(10).map(|it| it.start.strftime("%Y-%m-%d").to_string()).collect())
}

/// The first day, the rule, and the first ten days that it names.
const RULES: &[(&str, &str, &[&str])] = &[
    ("19970902", "FREQ=DAILY;COUNT=3", &["1997-09-02", "1997-09-03", "1997-09-04"]),
    ("19970902", "FREQ=DAILY;INTERVAL=10;COUNT=3", &["1997-09-02", "1997-09-12", "1997-09-22"]),
    ("19971222", "FREQ=DAILY;UNTIL=19971224", &["1997-12-22", "1997-12-23", "1997-12-24"]),
    ("19971222", "FREQ=DAILY;UNTIL=19971224T000000Z", &["1997-12-22", "1997-12-23", "1997-12-24"]),
    (
        "19980101",
        "FREQ=YEARLY;UNTIL=20000131;BYMONTH=1;BYDAY=SU",
        &[
            "1998-01-01",
            "1998-01-04",
            "1998-01-11",
            "1998-01-18",
            "1998-01-25",
            "1999-01-03",
            "1999-01-10",
            "1999-01-17",
            "1999-01-24",
            "1999-01-31",
        ],
    ),
    (
        "19980103",
        "FREQ=DAILY;UNTIL=19980110;BYMONTH=1;BYDAY=SA,SU",
        &["1998-01-03", "1998-01-04", "1998-01-10"],
    ),
    ("19970902", "FREQ=WEEKLY;COUNT=3", &["1997-09-02", "1997-09-09", "1997-09-16"]),
    (
        "19970902",
        "FREQ=WEEKLY;INTERVAL=2;WKST=SU;COUNT=4",
        &["1997-09-02", "1997-09-16", "1997-09-30", "1997-10-14"],
    ),
    (
        "19970902",
        "FREQ=WEEKLY;INTERVAL=2;COUNT=8;WKST=SU;BYDAY=TU,TH",
        &[
            "1997-09-02",
            "1997-09-04",
            "1997-09-16",
            "1997-09-18",
            "1997-09-30",
            "1997-10-02",
            "1997-10-14",
            "1997-10-16",
        ],
    ),
    (
        "19970805",
        "FREQ=WEEKLY;INTERVAL=2;COUNT=4;BYDAY=TU,SU;WKST=MO",
        &["1997-08-05", "1997-08-10", "1997-08-19", "1997-08-24"],
    ),
    (
        "19970805",
        "FREQ=WEEKLY;INTERVAL=2;COUNT=4;BYDAY=TU,SU;WKST=SU",
        &["1997-08-05", "1997-08-17", "1997-08-19", "1997-08-31"],
    ),
    ("19970905", "FREQ=MONTHLY;COUNT=3;BYDAY=1FR", &["1997-09-05", "1997-10-03", "1997-11-07"]),
    (
        "19970907",
        "FREQ=MONTHLY;INTERVAL=2;COUNT=4;BYDAY=1SU,-1SU",
        &["1997-09-07", "1997-09-28", "1997-11-02", "1997-11-30"],
    ),
    ("19970922", "FREQ=MONTHLY;COUNT=3;BYDAY=-2MO", &["1997-09-22", "1997-10-20", "1997-11-17"]),
    ("19970928", "FREQ=MONTHLY;BYMONTHDAY=-3;COUNT=3", &["1997-09-28", "1997-10-29", "1997-11-28"]),
    (
        "19970930",
        "FREQ=MONTHLY;COUNT=4;BYMONTHDAY=1,-1",
        &["1997-09-30", "1997-10-01", "1997-10-31", "1997-11-01"],
    ),
    ("19970131", "FREQ=MONTHLY;COUNT=4", &["1997-01-31", "1997-03-31", "1997-05-31", "1997-07-31"]),
    (
        "19970610",
        "FREQ=YEARLY;COUNT=4;BYMONTH=6,7",
        &["1997-06-10", "1997-07-10", "1998-06-10", "1998-07-10"],
    ),
    (
        "19970101",
        "FREQ=YEARLY;INTERVAL=3;COUNT=4;BYYEARDAY=1,100,200",
        &["1997-01-01", "1997-04-10", "1997-07-19", "2000-01-01"],
    ),
    ("19970519", "FREQ=YEARLY;BYDAY=20MO;COUNT=3", &["1997-05-19", "1998-05-18", "1999-05-17"]),
    ("19970512", "FREQ=YEARLY;BYWEEKNO=20;BYDAY=MO;COUNT=3", &["1997-05-12", "1998-05-11", "1999-05-17"]),
    ("19970512", "FREQ=YEARLY;BYWEEKNO=20;COUNT=3", &["1997-05-12", "1998-05-11", "1999-05-17"]),
    ("19970313", "FREQ=YEARLY;BYMONTH=3;BYDAY=TH;COUNT=3", &["1997-03-13", "1997-03-20", "1997-03-27"]),
    (
        "19980213",
        "FREQ=MONTHLY;BYDAY=FR;BYMONTHDAY=13;COUNT=4",
        &["1998-02-13", "1998-03-13", "1998-11-13", "1999-08-13"],
    ),
    (
        "19961105",
        "FREQ=YEARLY;INTERVAL=4;BYMONTH=11;BYDAY=TU;BYMONTHDAY=2,3,4,5,6,7,8;COUNT=3",
        &["1996-11-05", "2000-11-07", "2004-11-02"],
    ),
    (
        "19970904",
        "FREQ=MONTHLY;COUNT=3;BYDAY=TU,WE,TH;BYSETPOS=3",
        &["1997-09-04", "1997-10-07", "1997-11-06"],
    ),
    (
        "19970929",
        "FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-2;COUNT=3",
        &["1997-09-29", "1997-10-30", "1997-11-27"],
    ),
    (
        "20070115",
        "FREQ=MONTHLY;BYMONTHDAY=15,30;COUNT=5",
        &["2007-01-15", "2007-01-30", "2007-02-15", "2007-03-15", "2007-03-30"],
    ),
    ("19960229", "FREQ=YEARLY;COUNT=3", &["1996-02-29", "2000-02-29", "2004-02-29"]),
    // It never comes again; its start stands all the same.
    ("19970902", "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30", &["1997-09-02"]),
    // It began long before anybody asks.
    ("15820101", "FREQ=YEARLY;UNTIL=19920601", &["1990-01-01", "1991-01-01", "1992-01-01"]),
    ("19700101", "freq=daily;interval=365;until=19920601", &["1990-12-27", "1991-12-27"]),
];

#[test]
fn rules_name_the_days_that_the_standard_says() {
    for (start, rule, expected) in RULES {
        let mut expected: Vec<_> = expected.iter().map(|day| (*day).to_owned()).collect();
        expected.truncate(10);
        assert_eq!(days(start, rule).unwrap(), expected, "{start} {rule}");
    }
}

#[test]
fn a_rule_that_is_not_understood_is_refused_with_its_line() {
    for (rule, why) in [
        ("", "`` must be PART=value"),
        ("FREQ", "`FREQ` must be PART=value"),
        ("INTERVAL=2", "FREQ is missing"),
        ("FREQ=HOURLY", "FREQ cannot be `HOURLY`; blackouts recur DAILY, WEEKLY, MONTHLY or YEARLY"),
        ("FREQ=DAILY;INTERVAL=0", "INTERVAL cannot be `0`"),
        ("FREQ=DAILY;COUNT=0", "COUNT cannot be `0`"),
        ("FREQ=DAILY;COUNT=1;UNTIL=19991231", "COUNT and UNTIL exclude each other"),
        ("FREQ=DAILY;UNTIL=tomorrow", "UNTIL cannot be `tomorrow`"),
        ("FREQ=DAILY;BYHOUR=3", "BYHOUR is not understood; blackouts recur by day, week, month or year"),
        ("FREQ=MONTHLY;BYDAY=XX", "BYDAY cannot be `XX`"),
        ("FREQ=MONTHLY;BYDAY=0MO", "BYDAY cannot be `0MO`"),
        ("FREQ=MONTHLY;BYDAY=é", "BYDAY cannot be `é`"),
        ("FREQ=WEEKLY;BYDAY=1MO", "numbers in BYDAY need FREQ=MONTHLY or FREQ=YEARLY"),
        ("FREQ=WEEKLY;BYMONTHDAY=1", "BYMONTHDAY forbids FREQ=WEEKLY"),
        ("FREQ=MONTHLY;BYWEEKNO=1", "BYWEEKNO needs FREQ=YEARLY"),
        ("FREQ=MONTHLY;BYYEARDAY=1", "BYYEARDAY needs FREQ=YEARLY"),
        ("FREQ=MONTHLY;BYMONTHDAY=32", "BYMONTHDAY cannot be `32`"),
        ("FREQ=YEARLY;BYMONTH=13", "BYMONTH cannot be `13`"),
    ] {
        let wrong = days("19970902", rule).unwrap_err();
        assert_eq!(
            (wrong.line, wrong.property.as_str(), wrong.problem.as_str()),
            (4, "RRULE", why),
            "{rule}"
        );
    }
}
