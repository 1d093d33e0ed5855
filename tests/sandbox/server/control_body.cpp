#include "tests/sandbox/server/control_body.hpp"

#include <algorithm>

#include <boost/json.hpp>

namespace syncd::sandbox {
namespace {

namespace json = boost::json;

/// The type that `members` gives to a name, empty when it is not in there.
std::string_view type_of(std::string_view members, std::string_view name) {
  while (!members.empty()) {
    const std::string_view member = members.substr(0, members.find(' '));
    const auto colon = member.find(':');
    if (member.substr(0, colon) == name) {
      return member.substr(colon + 1);
    }
    members.remove_prefix(std::min(member.size() + 1, members.size()));
  }
  return {};
}

}  // namespace

std::string wrong_member(const json::object& body, std::string_view members) {
  for (const auto& member : body) {
    const std::string_view type = type_of(members, member.key());
    const json::value& value = member.value();
    const std::string name = "\"" + std::string(member.key()) + "\" ";
    if (type.empty()) {
      return name + "is not known here" + (members.empty() ? "" : "; known are: " + std::string(members));
    }
    if (type == "integer" && !value.is_int64()) {
      return name + "must be an integer";
    }
    if (type == "text" && !value.is_string()) {
      return name + "must be a string";
    }
    if (type == "flag" && !value.is_bool()) {
      return name + "must be true or false";
    }
  }
  return {};
}

std::string text_of(const json::object& object, std::string_view name, std::string_view fallback) {
  const json::value* const value = object.if_contains(name);
  return value != nullptr && value->is_string() ? std::string(value->get_string()) : std::string(fallback);
}

bool flag_of(const json::object& object, std::string_view name, bool fallback) {
  const json::value* const value = object.if_contains(name);
  return value != nullptr && value->is_bool() ? value->get_bool() : fallback;
}

std::int64_t integer_of(const json::object& object, std::string_view name, std::int64_t fallback) {
  const json::value* const value = object.if_contains(name);
  return value != nullptr && value->is_int64() ? value->get_int64() : fallback;
}

std::int64_t RangeReader::integer(std::string_view name, std::int64_t fallback, std::int64_t low,
                                  std::int64_t high) {
  const std::int64_t value = integer_of(object_, name, fallback);
  if (value >= low && value <= high) {
    return value;
  }
  if (problem_.empty()) {
    problem_ = "\"" + std::string(name) + "\" must be an integer from " + std::to_string(low) + " to " +
               std::to_string(high);
  }
  return fallback;
}

}  // namespace syncd::sandbox
