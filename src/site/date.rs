//! Dates as bloggers write them.

use jiff::civil::{Date as Day, DateTime, Time};
use jiff::tz::{Offset, TimeZone};
use jiff::{Timestamp, Zoned};

/// A date in the offset in which it was written, or in the site's time zone where none was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Date(Zoned);

impl Date {
    /// Reads `2012-01-17`, `2012-01-17 11:03`, `2013-06-27 05:00:00 +0000`, `2012-01-17T9:00:00.000Z`,
    /// `2012-01-17T11:03:00+01:00` and `Sat, 06 Aug 2016 21:47:31 GMT`. No machine's time zone decides anything.
    pub fn parse(text: &str, zone: &TimeZone) -> Option<Self> {
        let text = text.trim();
        if text.starts_with(|c: char| c.is_ascii_alphabetic()) {
            return jiff::fmt::rfc2822::parse(text).ok().map(Self);
        }
        let (day, rest) = text.split_at_checked(text.find(['T', 't', ' ']).unwrap_or(text.len()))?;
        let day = parse_day(day)?;
        let rest = rest.trim_start_matches(['T', 't', ' ']);
        let (clock, offset) = split_offset(rest);
        let local = DateTime::from_parts(day, parse_clock(clock)?);
        let zone = match offset {
            "" => zone.clone(),
            offset => TimeZone::fixed(parse_offset(offset)?),
        };
        local.to_zoned(zone).ok().map(Self)
    }

    /// Reads a date that [`Date::rfc3339`] wrote, or one without an offset as of UTC.
    pub fn parse_utc(text: &str) -> Option<Self> {
        Self::parse(text, &TimeZone::UTC)
    }

    /// From seconds since 1970 and the writer's offset from UTC in minutes.
    pub fn from_seconds(seconds: i64, offset_minutes: i32) -> Option<Self> {
        let offset = Offset::from_seconds(offset_minutes.checked_mul(60)?).ok()?;
        Timestamp::from_second(seconds).ok().map(|time| Self(time.to_zoned(TimeZone::fixed(offset))))
    }

    /// The date's instant in seconds since 1970.
    pub fn seconds(&self) -> i64 {
        self.0.timestamp().as_second()
    }

    /// Whether it lies after `now`.
    pub fn is_after(&self, now: Timestamp) -> bool {
        self.0.timestamp() > now
    }

    /// `2026-11-21T10:00:00+01:00` (RFC 3339), for machines.
    pub fn rfc3339(&self) -> String {
        self.0.strftime("%Y-%m-%dT%H:%M:%S%:z").to_string()
    }

    /// `21 November 2026`, for people.
    pub fn day(&self) -> String {
        self.0.strftime("%-d %B %Y").to_string()
    }

    /// `year`, `month` and `day` of a permalink's pattern, the latter two with two digits.
    pub(super) fn token(&self, name: &str) -> Option<String> {
        match name {
            "year" => Some(self.0.strftime("%Y").to_string()),
            "month" => Some(self.0.strftime("%m").to_string()),
            "day" => Some(self.0.strftime("%d").to_string()),
            _ => None,
        }
    }

    /// In a form of the caller's, in the tokens of strftime(3); the error says what is wrong with it.
    pub fn format(&self, format: &str) -> Result<String, String> {
        jiff::fmt::strtime::format(format, &self.0).map_err(|error| error.to_string())
    }

    /// The year as written.
    pub fn year(&self) -> i16 {
        self.0.year()
    }
}

/// Splits a date before a file's name off: `2017-07-29-a` is `2017-07-29` and `a`.
pub(super) fn split_from_name(name: &str) -> Option<(&str, &str)> {
    let (day, rest) = name.split_at_checked(10)?;
    let rest = rest.strip_prefix(['-', '_'])?;
    parse_day(day).filter(|_| !rest.is_empty()).map(|_| (day, rest))
}

fn parse_day(text: &str) -> Option<Day> {
    let mut parts = text.split('-');
    let (year, month, day) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() || year.len() != 4 {
        return None;
    }
    Day::new(number(year)?, number(month)?, number(day)?).ok()
}

/// `""`, `9:00`, `11:03:07`, `18:25:00.343`.
fn parse_clock(text: &str) -> Option<Time> {
    if text.is_empty() {
        return Some(Time::midnight());
    }
    let mut parts = text.split(':');
    let (hour, minute) = (number(parts.next()?)?, number(parts.next()?)?);
    let second = match parts.next() {
        None => 0,
        Some(seconds) => number(seconds.split(['.', ',']).next()?)?,
    };
    Time::new(hour, minute, second, 0).ok().filter(|_| parts.next().is_none())
}

/// The clock and the offset behind it, each without blanks.
fn split_offset(text: &str) -> (&str, &str) {
    let (clock, offset) = text.split_at(text.find(['Z', 'z', '+', '-', ' ']).unwrap_or(text.len()));
    (clock.trim(), offset.trim())
}

/// `Z`, `+01:00`, `+0100`, `+01`, `UTC`, `GMT`.
fn parse_offset(text: &str) -> Option<Offset> {
    if ["Z", "z", "UTC", "GMT"].contains(&text) {
        return Some(Offset::UTC);
    }
    let sign = match text.chars().next()? {
        '+' => 1,
        '-' => -1,
        _ => return None,
    };
    let (hours, minutes) = match text.len() {
        3 => (&text[1..], "00"),
        5 => text[1..].split_at_checked(2)?,
        6 => text[1..].split_once(':')?,
        _ => return None,
    };
    let (hours, minutes): (i32, i32) = (number(hours)?, number(minutes)?);
    Offset::from_seconds(sign * (hours * 3600 + minutes * 60)).ok().filter(|_| minutes < 60)
}

fn number<N: std::str::FromStr>(text: &str) -> Option<N> {
    let digits = (1..=4).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(text: &str) -> Option<String> {
        let zone = TimeZone::get("Europe/Berlin").unwrap();
        Date::parse(text, &zone).map(|date| date.rfc3339())
    }

    #[test]
    fn dates_are_read_in_the_offset_written() {
        for (text, expected) in [
            ("2012-01-17", "2012-01-17T00:00:00+01:00"),
            ("2012-07-17 11:03", "2012-07-17T11:03:00+02:00"),
            ("2013-06-27 05:00:00 +0000", "2013-06-27T05:00:00+00:00"),
            ("2013-06-27 9:00:00", "2013-06-27T09:00:00+02:00"),
            ("2024-06-15T18:25:00.343Z", "2024-06-15T18:25:00+00:00"),
            ("2024-06-15T23:25:00+01:00", "2024-06-15T23:25:00+01:00"),
            ("2024-06-15T23:25:00 -0730", "2024-06-15T23:25:00-07:30"),
            ("Sat, 06 Aug 2016 21:47:31 GMT", "2016-08-06T21:47:31+00:00"),
        ] {
            assert_eq!(read(text).as_deref(), Some(expected), "{text}");
        }
    }

    #[test]
    fn other_texts_are_no_dates() {
        for text in [
            "",
            "soon",
            "2012",
            "2012-13-01",
            "2012-02-30",
            "12-01-01",
            "2012-01-01 25:00",
            "2012-01-01 1:2:3:4",
            "2012-01-01T10:00 Mars",
            "2012-01-01-x",
            "2012-01-01 10:00 +1:0",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }

    #[test]
    fn a_date_before_a_name_is_split_off() {
        assert_eq!(split_from_name("2017-07-29-a"), Some(("2017-07-29", "a")));
        for name in ["2017-07-29", "2017-07-29-", "2017-99-29-a", "a-2017-07-29", "ünïcode-nämes"] {
            assert_eq!(split_from_name(name), None, "{name}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "\\PC{0,40}", dated in "[0-9TZ:+ .-]{0,30}") {
            read(&text);
            read(&dated);
            split_from_name(&text);
        }
    }
}
