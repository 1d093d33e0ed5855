#pragma once

#include <string_view>

namespace syncd::core {

// Error::api_code of conflicts that a program should tell apart, beside relink_version_conflict: the admin
// API shows them as `code`. A conflict without one is `conflict`.

// The Idempotency-Key belongs to another request; one with a new key is a new request.
inline constexpr std::string_view idempotency_key_reused = "idempotency_key_reused";
// The request was answered before, with a token that is shown once.
inline constexpr std::string_view token_shown_before = "token_shown_before";
// Its owner can do nothing before an incident ends, or the bank is up again; `force` asks all the same.
inline constexpr std::string_view held_back = "held_back";
inline constexpr std::string_view bank_down = "bank_down";
// The link needs no session: it works again, or is gone.
inline constexpr std::string_view nothing_to_relink = "nothing_to_relink";
// Somebody else has the entry; `take_over` takes it.
inline constexpr std::string_view claimed_by_other = "claimed_by_other";
// Links cannot be given the configured webhook, because there is none.
inline constexpr std::string_view no_webhook = "no_webhook";
// Nothing is fetched for want of disk space.
inline constexpr std::string_view space_low = "space_low";

// One backup is made at a time; or none can be begun where the configuration wants it.
inline constexpr std::string_view backup_under_way = "backup_under_way";
inline constexpr std::string_view backup_refused = "backup_refused";

}  // namespace syncd::core
