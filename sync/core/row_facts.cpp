#include "sync/core/row_facts.hpp"

#include <new>
#include <string>

#include <simdjson.h>

#include "sync/core/civil.hpp"

namespace syncd::core {

namespace {

std::string text_member(simdjson::ondemand::object& object, std::string_view name) {
  simdjson::ondemand::value value;
  if (object.find_field_unordered(name).get(value) != simdjson::SUCCESS) return {};
  if (bool null = false; value.is_null().get(null) == simdjson::SUCCESS && null) return {};
  std::string_view text;
  if (value.get_string().get(text) == simdjson::SUCCESS) return std::string(text);
  // An amount may be a bare number: its text counts.
  simdjson::ondemand::value again;
  if (object.find_field_unordered(name).get(again) != simdjson::SUCCESS) return {};
  text = again.raw_json_token();
  return std::string(text.substr(0, text.find_last_not_of(" \t\r\n") + 1));
}

}  // namespace

std::optional<RowFacts> row_facts(std::string_view json) {
  thread_local simdjson::ondemand::parser parser;
  std::string padded;
  padded.reserve(json.size() + simdjson::SIMDJSON_PADDING);
  padded = json;
  simdjson::ondemand::document document;
  simdjson::ondemand::object object;
  const auto error = parser.iterate(padded.data(), json.size(), padded.capacity()).get(document);
  // A row that cannot be read for want of memory is not one that says nothing: another might be taken for its
  // successor.
  if (error == simdjson::MEMALLOC) {
    parser =
        simdjson::ondemand::parser();  // what it has allocated in part would be taken for whole the next time
    throw std::bad_alloc();
  }
  if (error != simdjson::SUCCESS) return std::nullopt;
  if (document.get_object().get(object) != simdjson::SUCCESS) return std::nullopt;
  RowFacts facts;
  facts.amount = text_member(object, "amount");
  facts.type = text_member(object, "type");
  facts.currency = text_member(object, "currency");
  facts.date = text_member(object, "date").substr(0, 10);
  facts.raw_description = text_member(object, "raw_description");
  facts.description = text_member(object, "description");
  return facts;
}

std::optional<int> civil_day(std::string_view date) {
  const std::optional<CivilDate> civil = parse_civil_date(date);
  if (!civil) return std::nullopt;
  return sys_days_of(*civil).time_since_epoch().count();
}

}  // namespace syncd::core
