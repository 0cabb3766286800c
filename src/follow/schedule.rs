//! Which releases may take the place of others, and when.

use std::str::FromStr;

use jiff::civil::{Time, Weekday};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan, Zoned};
use serde::Serialize;

use super::state::{Cause, Record, Status};

/// Minutes are looked at one by one when the next opening is sought: a week has all that a window can say.
const MINUTES_OF_A_WEEK: i64 = 7 * 24 * 60;

/// What an operator allows.
#[derive(Clone, Debug, Default)]
pub struct Schedule {
    /// When releases may be installed; without any, always.
    pub windows: Vec<Window>,
    /// Whether a release with a lower number than the one that is served is refused.
    pub monotonic: bool,
    /// The number of the release that the image was made with; 0 if it was made with none.
    pub baked: u64,
}

/// What is to be done with a release that was fetched and verified.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "decision", content = "reason", rename_all = "lowercase")]
pub enum Decision {
    /// Put it in place.
    Install,
    /// Keep it until something changes: a pin, or the time.
    Wait(String),
    /// Leave it alone.
    Refuse(String),
}

impl Schedule {
    /// Decides on `next`, where `current` is served. What a person asked for waits for no window.
    pub fn decide(
        &self,
        next: &Record,
        current: Option<&Record>,
        pinned: Option<&Record>,
        cause: Cause,
        now: Timestamp,
    ) -> Decision {
        match &next.status {
            Status::Quarantined(reason) => return Decision::Refuse(format!("it is in quarantine: {reason}")),
            Status::Held(reason) if cause != Cause::Person => {
                return Decision::Wait(format!("{reason}; to serve it nevertheless: galley deploy"));
            }
            _ => {}
        }
        // Without a release that came from the reference it is the image's own that is served.
        let sequence = current.map_or(self.baked, |current| current.sequence);
        if self.monotonic && next.sequence < sequence {
            return Decision::Refuse(format!(
                "it is release {}, and release {sequence} is served (--monotonic)",
                next.sequence
            ));
        }
        if let Some(pinned) = pinned {
            return Decision::Wait(format!("release {} is pinned; to follow again: galley unpin", pinned.sequence));
        }
        match self.opening(now) {
            None => Decision::Install,
            Some(_) if cause == Cause::Person => Decision::Install,
            Some(at) => Decision::Wait(format!("the window opens at {at}")),
        }
    }

    /// When the next window opens; `None` if one is open, or if there are none.
    pub fn opening(&self, now: Timestamp) -> Option<Zoned> {
        if self.windows.is_empty() || self.windows.iter().any(|window| window.is_open(now)) {
            return None;
        }
        self.windows.iter().filter_map(|window| window.next(now)).min()
    }
}

/// A time of the week at which releases may be installed: `mon-fri 09:00-17:00 Europe/Berlin`.
#[derive(Clone, Debug, PartialEq)]
pub struct Window {
    days: [bool; 7],
    from: Time,
    to: Time,
    zone: TimeZone,
}

/// A text that is no window.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is no window: {1}; write it as `mon-fri 09:00-17:00` or `sat,sun 10:00-12:00 Europe/Berlin`")]
pub struct WindowError(String, &'static str);

impl Window {
    /// Whether it is open at `now`. One that ends before it begins lasts over midnight, and belongs to the day it begins on.
    fn is_open(&self, now: Timestamp) -> bool {
        let now = now.to_zoned(self.zone.clone());
        let (time, day) = (now.time(), now.weekday());
        let has = |day: Weekday| self.days[day.to_monday_zero_offset() as usize];
        match self.from < self.to {
            true => has(day) && self.from <= time && time < self.to,
            false => (has(day) && time >= self.from) || (has(day.previous()) && time < self.to),
        }
    }

    fn next(&self, now: Timestamp) -> Option<Zoned> {
        let start = now.to_zoned(self.zone.clone()).with().second(0).subsec_nanosecond(0).build().ok()?;
        let minutes = (1..=MINUTES_OF_A_WEEK + 60).filter_map(|minute| start.checked_add(minute.minutes()).ok());
        minutes.into_iter().find(|minute| self.is_open(minute.timestamp()))
    }
}

impl FromStr for Window {
    type Err = WindowError;

    fn from_str(text: &str) -> Result<Self, WindowError> {
        let refuse = |reason| WindowError(text.chars().take(100).collect(), reason);
        let mut parts = text.split_whitespace();
        let (Some(first), Some(second)) = (parts.next(), parts.next()) else {
            return Err(refuse("it needs days and times"));
        };
        let days = days(first).ok_or_else(|| refuse("a day is mon, tue, wed, thu, fri, sat or sun"))?;
        let (from, to) = second.split_once('-').ok_or_else(|| refuse("times are from-to"))?;
        let time = |text: &str| Time::strptime("%H:%M", text).map_err(|_| refuse("a time is 00:00 to 23:59"));
        let (from, to) = (time(from)?, time(to)?);
        if from == to {
            return Err(refuse("it would be empty"));
        }
        let zone = match parts.next() {
            None => TimeZone::UTC,
            Some(name) => TimeZone::get(name).map_err(|_| refuse("there is no such time zone"))?,
        };
        match parts.next() {
            None => Ok(Self { days, from, to, zone }),
            Some(_) => Err(refuse("there is something behind it")),
        }
    }
}

fn days(text: &str) -> Option<[bool; 7]> {
    const NAMES: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
    let number = |name: &str| NAMES.iter().position(|known| name.eq_ignore_ascii_case(known));
    let mut days = [false; 7];
    for part in text.split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (mut day, last) = (number(first)?, number(last)?);
        days[day] = true;
        while day != last {
            day = (day + 1) % 7;
            days[day] = true;
        }
    }
    Some(days)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::follow::state::tests::record;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn windows_are_open_when_they_say() {
        // 2026-11-26 is a Thursday; Berlin is an hour ahead of UTC.
        for (window, now, open) in [
            ("mon-fri 09:00-17:00", "2026-11-26T09:00:00Z", true),
            ("mon-fri 09:00-17:00", "2026-11-26T17:00:00Z", false),
            ("mon-fri 09:00-17:00 Europe/Berlin", "2026-11-26T08:30:00Z", true),
            ("mon-fri 09:00-17:00", "2026-11-28T10:00:00Z", false),
            ("sat,SUN 09:00-17:00", "2026-11-28T10:00:00Z", true),
            ("thu 22:00-02:00", "2026-11-27T01:59:00Z", true),
            ("thu 22:00-02:00", "2026-11-26T01:59:00Z", false),
            ("fri-mon 00:00-23:59", "2026-11-26T12:00:00Z", false),
        ] {
            let parsed: Window = window.parse().unwrap();
            assert_eq!(parsed.is_open(at(now)), open, "{window} at {now}");
        }
    }

    #[test]
    fn the_next_opening_is_found() {
        let schedule = Schedule {
            windows: vec!["mon 09:00-10:00".parse().unwrap(), "sat 10:30-11:00".parse().unwrap()],
            monotonic: false,
            baked: 0,
        };
        let opening = schedule.opening(at("2026-11-26T12:34:56Z")).unwrap();
        assert_eq!(opening.timestamp(), at("2026-11-28T10:30:00Z"));
        assert_eq!(schedule.opening(at("2026-11-28T10:30:00Z")), None);
        assert_eq!(Schedule::default().opening(at("2026-11-28T10:30:00Z")), None);
    }

    #[test]
    fn what_is_no_window_is_refused() {
        for text in [
            "",
            "mon",
            "mon 9-17",
            "xyz 09:00-17:00",
            "mon 09:00-09:00",
            "mon 09:00-24:00",
            "mon 09:00-10:00 Mars/Base",
            "mon 09:00-10:00 UTC x",
        ] {
            assert!(text.parse::<Window>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_release_is_decided_on() {
        let now = at("2026-11-26T12:00:00Z");
        let (old, current, next) = (record(1), record(2), record(3));
        let free = Schedule::default();
        let decide = |schedule: &Schedule, next: &Record, pinned: Option<&Record>, cause| {
            schedule.decide(next, Some(&current), pinned, cause, now)
        };
        assert_eq!(decide(&free, &next, None, Cause::Hook), Decision::Install);
        assert_eq!(decide(&free, &old, None, Cause::Hook), Decision::Install);
        assert!(matches!(decide(&free, &next, Some(&current), Cause::Hook), Decision::Wait(_)));
        let monotonic = Schedule { monotonic: true, ..Schedule::default() };
        assert!(matches!(decide(&monotonic, &old, None, Cause::Hook), Decision::Refuse(_)));
        assert_eq!(decide(&monotonic, &next, None, Cause::Hook), Decision::Install);
        let windows = Schedule { windows: vec!["fri 09:00-10:00".parse().unwrap()], ..Schedule::default() };
        assert!(matches!(decide(&windows, &next, None, Cause::Poll), Decision::Wait(_)));
        assert_eq!(decide(&windows, &next, None, Cause::Person), Decision::Install);
        let held = Record { status: Status::Held("it is small".to_owned()), ..next.clone() };
        assert!(matches!(decide(&free, &held, None, Cause::Hook), Decision::Wait(_)));
        assert_eq!(decide(&free, &held, None, Cause::Person), Decision::Install);
        let bad = Record { status: Status::Quarantined("it failed".to_owned()), ..next };
        assert!(matches!(decide(&free, &bad, None, Cause::Hook), Decision::Refuse(_)));
    }
}
