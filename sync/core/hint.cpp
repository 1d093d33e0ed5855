#include "sync/core/hint.hpp"

namespace syncd::core {
namespace {

constexpr std::size_t length_bytes = 2;
constexpr std::size_t sequence_bytes = 8;

void append_number(std::string& out, std::uint64_t value, std::size_t bytes) {
  for (std::size_t at = bytes; at > 0; --at)
    out.push_back(static_cast<char>(value >> (8 * (at - 1)) & 0xff));
}

std::uint64_t read_number(std::string_view text) {
  std::uint64_t value = 0;
  for (const char c : text)
    value = value << 8 | static_cast<std::uint8_t>(c);
  return value;
}

}  // namespace

std::string_view to_string(HintOutcome outcome) {
  static constexpr std::array<std::string_view, hint_outcome_count> names{"accepted", "duplicate",
                                                                          "unknown_link", "not_visited"};
  return names[static_cast<std::size_t>(outcome)];
}

std::string hint_notes_of(const LinkId& link_id) {
  std::string name(hint_note_prefix);
  append_number(name, link_id.str().size(), length_bytes);
  return name + link_id.str();
}

std::string hint_note(const LinkId& link_id, std::uint64_t sequence) {
  std::string name = hint_notes_of(link_id);
  append_number(name, sequence, sequence_bytes);
  return name;
}

std::optional<NamedHint> parse_hint_note(std::string_view name) {
  if (!name.starts_with(hint_note_prefix)) return std::nullopt;
  name.remove_prefix(hint_note_prefix.size());
  if (name.size() < length_bytes) return std::nullopt;
  const std::uint64_t id_bytes = read_number(name.substr(0, length_bytes));
  name.remove_prefix(length_bytes);
  if (name.size() != id_bytes + sequence_bytes) return std::nullopt;
  const NamedHint hint{.link_id = name.substr(0, id_bytes), .sequence = read_number(name.substr(id_bytes))};
  if (!is_valid_id(hint.link_id)) return std::nullopt;
  return hint;
}

}  // namespace syncd::core
