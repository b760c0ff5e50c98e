#include "services/base/rfc3339.h"

namespace chatter {
namespace {

struct Date {
  int64_t year;
  unsigned month;
  unsigned day;
};

// From days since 1970-01-01. Years begin in March here, so that the leap day is the last
// day of a year; eras of 400 years repeat.
Date CivilFromDays(int64_t days) {
  constexpr int64_t kDaysFrom0000To1970 = 719'468;  // from 0000-03-01
  constexpr int64_t kDaysOfEra = 146'097;
  days += kDaysFrom0000To1970;
  const int64_t era = (days >= 0 ? days : days - (kDaysOfEra - 1)) / kDaysOfEra;
  const auto day_of_era = static_cast<unsigned>(days - era * kDaysOfEra);
  const unsigned year_of_era =
      (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
  const unsigned day_of_year =
      day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  const unsigned march_month = (5 * day_of_year + 2) / 153;
  const unsigned month = march_month < 10 ? march_month + 3 : march_month - 9;
  return {static_cast<int64_t>(year_of_era) + era * 400 + (month <= 2 ? 1 : 0), month,
          day_of_year - (153 * march_month + 2) / 5 + 1};
}

void PutDigits(uint64_t value, int digits, char* out) {
  for (int i = digits - 1; i >= 0; --i) {
    out[i] = static_cast<char>('0' + value % 10);
    value /= 10;
  }
}

}  // namespace

void AppendRfc3339(int64_t unix_micros, std::string& out) {
  constexpr int64_t kMicrosPerDay = 86'400'000'000;
  int64_t days = unix_micros / kMicrosPerDay;
  int64_t micros = unix_micros % kMicrosPerDay;
  if (micros < 0) {
    micros += kMicrosPerDay;
    --days;
  }
  const Date date = CivilFromDays(days);
  const auto seconds = static_cast<uint64_t>(micros / 1'000'000);
  char text[] = "0000-00-00T00:00:00.000000Z";
  static_assert(sizeof(text) == kRfc3339Size + 1);
  PutDigits(static_cast<uint64_t>(date.year), 4, text);
  PutDigits(date.month, 2, text + 5);
  PutDigits(date.day, 2, text + 8);
  PutDigits(seconds / 3600, 2, text + 11);
  PutDigits(seconds / 60 % 60, 2, text + 14);
  PutDigits(seconds % 60, 2, text + 17);
  PutDigits(static_cast<uint64_t>(micros % 1'000'000), 6, text + 20);
  out.append(text, kRfc3339Size);
}

}  // namespace chatter
