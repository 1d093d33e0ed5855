#include "tests/e2e/canary.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <fstream>
#include <iterator>
#include <utility>

#include <fmt/format.h>

#include "sync/core/json_text.hpp"

namespace syncd::test::e2e {
namespace {

constexpr std::string_view standard = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr std::string_view for_urls = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

std::string in_json(std::string_view text) {
  std::string quoted;
  core::append_json_string(quoted, text);
  return quoted.substr(1, quoted.size() - 2);
}

/// Of what is not ASCII, as other writers have it.
std::string in_json_of_ascii(std::string_view text) {
  std::string out;
  const std::string escaped = in_json(text);
  for (std::string_view rest = escaped; !rest.empty();) {
    const core::CodePoint point = core::first_code_point(rest);
    out += point.value < 0x80 ? std::string(rest.substr(0, 1))
                              : fmt::format("\\u{:04x}", static_cast<std::uint32_t>(point.value));
    rest.remove_prefix(std::max<std::size_t>(point.length, 1));
  }
  return out;
}

std::string in_url(std::string_view text, bool upper, std::string_view blank) {
  std::string out;
  for (const char character : text) {
    const bool plain = std::string_view("-._~").contains(character) ||
                       (character >= '0' && character <= '9') || (character >= 'a' && character <= 'z') ||
                       (character >= 'A' && character <= 'Z');
    const auto byte = static_cast<unsigned char>(character);
    if (character == ' ') {
      out += blank;
    } else if (plain) {
      out += character;
    } else {
      out += upper ? fmt::format("%{:02X}", byte) : fmt::format("%{:02x}", byte);
    }
  }
  return out;
}

std::string in_hex(std::string_view text, bool upper, std::string_view before_each = {}) {
  std::string out;
  for (const char character : text) {
    const auto byte = static_cast<unsigned char>(character);
    out += before_each;
    out += upper ? fmt::format("{:02X}", byte) : fmt::format("{:02x}", byte);
  }
  return out;
}

/// The characters that `text` alone decides when `before` bytes of something else stand in front of it.
std::string in_base64(std::string_view text, std::string_view alphabet, std::size_t before) {
  const std::string bytes = std::string(before, '\0') + std::string(text);
  std::string out;
  for (std::size_t at = 0; at + 3 <= bytes.size(); at += 3) {
    std::uint32_t group = 0;
    for (std::size_t i = 0; i < 3; ++i)
      group = group << 8U | static_cast<unsigned char>(bytes[at + i]);
    for (const unsigned shift : {18U, 12U, 6U, 0U})
      out += alphabet[group >> shift & 63U];
  }
  // So many characters hold bits of what stands in front.
  constexpr std::array<std::size_t, 3> shared = {0, 2, 3};
  return out.substr(std::min(out.size(), shared.at(before)));
}

std::string text_of(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace

std::vector<std::string> forms_of(std::string_view text) {
  const std::string escaped = in_json(text);
  std::vector<std::string> forms = {std::string(text),        escaped,
                                    in_json(escaped),         in_json_of_ascii(text),
                                    in_hex(text, false),      in_hex(text, true, "%"),
                                    in_hex(text, false, "%"), in_hex(text, true)};
  for (const std::string& each : {std::string(text), escaped}) {
    for (const std::string_view blank : {"%20", "+"}) {
      forms.push_back(in_url(each, true, blank));
      forms.push_back(in_url(each, false, blank));
    }
    for (std::size_t before = 0; before < 3; ++before) {
      forms.push_back(in_base64(each, standard, before));
      forms.push_back(in_base64(each, for_urls, before));
    }
  }
  std::ranges::sort(forms);
  forms.erase(std::ranges::unique(forms).begin(), forms.end());
  return forms;
}

std::vector<std::string> leaks_in_any_form(const std::map<std::string, std::string>& texts,
                                           const Confidences& confidences) {
  std::vector<std::string> found;
  for (const auto& [confidence, name] : confidences) {
    const std::vector<std::string> forms = forms_of(confidence);
    for (const auto& [where, text] : texts) {
      const auto form = std::ranges::find_if(forms, [&](const auto& each) { return text.contains(each); });
      if (form == forms.end()) continue;
      const std::size_t at = text.find(*form);
      const std::size_t begin = at < 120 ? 0 : at - 120;
      found.push_back(name + " (" + *form + ") in " + where + ": " + text.substr(begin, 400));
    }
  }
  return found;
}

std::map<std::string, std::string> store_files(const Daemon& daemon) {
  std::map<std::string, std::string> files;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(daemon.dir() / "store")) {
    const std::string name = entry.path().filename().string();
    const bool told = name.starts_with("LOG") || name.starts_with("OPTIONS");
    if (entry.is_regular_file() && !told) files.emplace(name, text_of(entry.path()));
  }
  return files;
}

}  // namespace syncd::test::e2e
