#include "sync/core/row_facts.hpp"

#include <charconv>
#include <chrono>

#include <simdjson.h>

namespace syncd::core {

namespace {

std::string text_member(simdjson::ondemand::object& object, std::string_view name) {
  simdjson::ondemand::value value;
  if (object.find_field_unordered(name).get(value) != simdjson::SUCCESS) return {};
  std::string_view text;
  if (value.get_string().get(text) == simdjson::SUCCESS) return std::string(text);
  // An amount may be a bare number: its text counts.
  simdjson::ondemand::value again;
  if (object.find_field_unordered(name).get(again) != simdjson::SUCCESS) return {};
  text = again.raw_json_token();
  while (!text.empty() && static_cast<unsigned char>(text.back()) <= ' ')
    text.remove_suffix(1);
  return std::string(text);
}

bool digits(std::string_view text, int& value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc{} && end == text.data() + text.size();
}

}  // namespace

std::optional<RowFacts> row_facts(std::string_view json) {
  thread_local simdjson::ondemand::parser parser;
  const simdjson::padded_string padded(json);
  simdjson::ondemand::document document;
  simdjson::ondemand::object object;
  if (parser.iterate(padded).get(document) != simdjson::SUCCESS) return std::nullopt;
  if (document.get_object().get(object) != simdjson::SUCCESS) return std::nullopt;
  RowFacts facts;
  facts.amount = text_member(object, "amount");
  facts.type = text_member(object, "type");
  facts.currency = text_member(object, "currency");
  facts.date = text_member(object, "date").substr(0, 10);
  facts.raw_description = text_member(object, "raw_description");
  return facts;
}

std::optional<int> civil_day(std::string_view date) {
  if (date.size() != 10 || date[4] != '-' || date[7] != '-') return std::nullopt;
  int year = 0;
  int month = 0;
  int day = 0;
  if (!digits(date.substr(0, 4), year) || !digits(date.substr(5, 2), month) ||
      !digits(date.substr(8, 2), day)) {
    return std::nullopt;
  }
  const std::chrono::year_month_day civil{std::chrono::year(year),
                                          std::chrono::month(static_cast<unsigned>(month)),
                                          std::chrono::day(static_cast<unsigned>(day))};
  if (!civil.ok()) return std::nullopt;
  return std::chrono::sys_days(civil).time_since_epoch().count();
}

}  // namespace syncd::core
