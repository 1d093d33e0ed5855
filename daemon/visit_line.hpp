#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "sync/core/types.hpp"

namespace syncd::daemon {

// The trace of visits: a head, then a line for each visit that saw upstream's clock. Members are separated by
// one blank, in the order of VisitLine; times are Unix milliseconds, names 16 hexadecimal digits. The form is
// a contract with whoever reads traces: another one has another number in its head.
inline constexpr std::string_view visit_trace_head = "moneykit-syncd visits 1\n";
inline constexpr std::size_t visit_line_bytes_max = 96;

struct VisitLine {
  core::WallTime at{};            // our clock, when the visit ended
  std::uint64_t link = 0;         // visit_link_name()
  std::uint64_t institution = 0;  // visit_institution_name(), of the institution at its provider
  core::WallTime refreshed_at{};  // upstream's clock, as this visit saw it last
  bool fetched = false;           // `fetch`: the data was asked for; `look`: the link object only
  bool changed = false;           // `1`: the visit committed a change of a row or an account
  core::Cause cause = core::Cause::schedule;
  bool operator==(const VisitLine&) const = default;
};

// 64 bits of a SHA-256 that begins with the secret `salt`. Who does not have it cannot find the id by trying
// all ids, and these names are not the log's either: a trace cannot be joined with a log.
std::uint64_t visit_link_name(std::string_view salt, const core::LinkId& link_id);
std::uint64_t visit_institution_name(std::string_view salt, std::string_view institution_id,
                                     std::string_view provider);

// With its newline; at most visit_line_bytes_max.
std::string format_visit(const VisitLine& visit);
// `line` without its newline. Empty: it is none, or damaged.
std::optional<VisitLine> parse_visit(std::string_view line);

}  // namespace syncd::daemon
