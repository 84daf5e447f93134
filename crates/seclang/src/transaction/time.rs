//! The moment as rules see it, in UTC.

/// `(year, month 1-12, day 1-31, weekday 0-6 from Sunday, hour, minute, second)` of seconds since the epoch.
pub(super) fn civil(seconds: u64) -> (u64, u64, u64, u64, u64, u64, u64) {
    let days = seconds / 86_400;
    let of_day = seconds % 86_400;
    // Days since 1 March of year 0; years begin in March, so that a leap day is the last day of a year.
    let shifted = days + 719_468;
    let era = shifted / 146_097;
    let of_era = shifted % 146_097;
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    (year, month, day, (days + 4) % 7, of_day / 3600, of_day / 60 % 60, of_day % 60)
}

#[cfg(test)]
mod tests {
    use super::civil;

    #[test]
    fn moments_are_cut_into_their_parts() {
        assert_eq!(civil(0), (1970, 1, 1, 4, 0, 0, 0));
        assert_eq!(civil(951_827_696), (2000, 2, 29, 2, 12, 34, 56));
        assert_eq!(civil(1_790_000_000), (2026, 9, 21, 1, 14, 13, 20));
    }
}
