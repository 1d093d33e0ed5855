#pragma once

#include <string_view>

#include "sync/core/types.hpp"

namespace syncd::test {

// One webhook as the contract describes it, signed with a key that was thrown away.
namespace vector {
inline constexpr std::string_view body =
    R"({"webhook_major_version":1,"webhook_minor_version":0,)"
    R"("webhook_idempotency_key":"0b7c1b1e-5a0e-4a52-9a43-6f1f6f0c7a11",)"
    R"("webhook_timestamp":"2025-05-06T16:31:12.451000+00:00","link_id":"mk_7Qm2vTz5kXcN4RbYwHs9Ld",)"
    R"("link_tags":["tenant:42"],"webhook_event":"transactions.updates_available","has_history":true})";
inline constexpr core::WallTime issued_at{core::Millis{1'746'549'072'000}};
inline constexpr std::string_view issuer = "https://api.moneykit.com";
inline constexpr std::string_view key_set =
    R"({"keys":[{"kty":"EC","crv":"P-256","alg":"ES256","use":"sig","kid":"contract-test-key-1",)"
    R"("x":"Xuws3Z1SY-dpyGAylbso-e653hKAZ5_PQcMkmwk-C6s",)"
    R"("y":"NPAU_ZcavKp6mDY2zoe2LcyXb6ePNo--aI7IYGtOuPQ"}]})";
inline constexpr std::string_view token =
    "eyJhbGciOiJFUzI1NiIsImtpZCI6ImNvbnRyYWN0LXRlc3Qta2V5LTEiLCJ0eXAiOiJKV1QifQ."
    "eyJpc3MiOiJodHRwczovL2FwaS5tb25leWtpdC5jb20iLCJpYXQiOjE3NDY1NDkwNzIsInJlcXVlc3RfYm9keV9zaGEyNTYiOiJlZm"
    "M4YWRiNWYzMDI0YzQ3NmEzZDdlNGVhMzU5YWM1YTE4YzMyMzdjMDExZWY3YzQ4MjQyYTE3ZDMxZDEyY2RkIn0."
    "5E2FxK8tHz4dKTMcN9BnaEWv0Y_kogYy5ent5hh2SNokafQU3EfCv7C5dI-sK2icygerSKtGc9JbCPxWtxCcTw";
}  // namespace vector

}  // namespace syncd::test
