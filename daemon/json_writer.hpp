#pragma once

#include <concepts>
#include <cstdint>
#include <string>
#include <string_view>

namespace syncd::daemon {

// Writes one JSON document; whatever text goes in, JSON comes out. The caller keeps begin and end balanced;
// commas are the writer's. raw() splices a text that is JSON already, so that numbers keep their text and
// unknown members stay.
class JsonWriter {
 public:
  JsonWriter& begin_object();
  JsonWriter& end_object();
  JsonWriter& begin_array();
  JsonWriter& end_array();
  JsonWriter& key(std::string_view name);
  JsonWriter& string(std::string_view value);
  JsonWriter& integer(std::int64_t value);
  JsonWriter& integer(std::uint64_t value);
  JsonWriter& boolean(bool value);
  JsonWriter& null();
  // `json` must be one JSON value.
  JsonWriter& raw(std::string_view json);

  JsonWriter& member(std::string_view name, std::string_view value) { return key(name).string(value); }
  JsonWriter& member(std::string_view name, const char* value) { return key(name).string(value); }
  JsonWriter& member(std::string_view name, bool value) { return key(name).boolean(value); }
  template <std::integral T>
    requires(!std::same_as<T, bool>)
  JsonWriter& member(std::string_view name, T value) {
    key(name);
    if constexpr (std::is_signed_v<T>) {
      return integer(static_cast<std::int64_t>(value));
    } else {
      return integer(static_cast<std::uint64_t>(value));
    }
  }

  const std::string& text() const { return out_; }
  std::string take() { return std::move(out_); }

 private:
  void separate();

  std::string out_;
  bool need_comma_ = false;
};

}  // namespace syncd::daemon
