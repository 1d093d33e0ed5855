#include "daemon/webhook/hook.hpp"

#include <string>

#include <gtest/gtest.h>

#include "sync/core/hint.hpp"
#include "tests/unit/webhook/signer.hpp"
#include "tests/unit/webhook/vector.hpp"

namespace syncd::test {
namespace {

using daemon::Hook;
using daemon::parse_hook;
using enum daemon::Hook::Meaning;

std::string hook(const std::string& members) {
  return R"({"webhook_major_version":1,"webhook_minor_version":0,"webhook_idempotency_key":"k",)"
         R"("link_id":"mk_1",)" +
         members + "}";
}

// A webhook from its idempotency key on.
std::string changed(const std::string& rest) {
  return R"({"webhook_event":"link.state_changed","webhook_major_version":1,"webhook_idempotency_key":)" +
         rest + "}";
}

Hook::Meaning meaning_of(const std::string& members) {
  const auto parsed = parse_hook(hook(members));
  EXPECT_TRUE(parsed) << members;
  return parsed ? parsed->meaning : unknown_event;
}

TEST(Hook, TheContractsExampleIsNews) {
  const auto parsed = parse_hook(vector::body);
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->meaning, news);
  EXPECT_EQ(parsed->link_id.str(), "mk_7Qm2vTz5kXcN4RbYwHs9Ld");
  EXPECT_EQ(parsed->key, core::digest_of("0b7c1b1e-5a0e-4a52-9a43-6f1f6f0c7a11"));
}

TEST(Hook, EventsMeanWhatTheySay) {
  EXPECT_EQ(meaning_of(R"("webhook_event":"transactions.updates_available")"), news);
  EXPECT_EQ(meaning_of(R"("webhook_event":"link.state_changed","state":"error","error":"auth_expired")"),
            news);
  EXPECT_EQ(meaning_of(R"("webhook_event":"link.state_changed","state":"deleted","error":null)"), news);
  const std::string refresh = R"("webhook_event":"link.product_refresh","product":")";
  EXPECT_EQ(meaning_of(refresh + R"(transactions","state":"completed")"), news);
  EXPECT_EQ(meaning_of(refresh + R"(accounts","state":"failed")"), news);
  EXPECT_EQ(meaning_of(refresh + R"(something new","state":"something new")"), news);
  EXPECT_EQ(meaning_of(R"("webhook_event":"link.product_refresh")"), news);
  EXPECT_EQ(meaning_of(refresh + R"(transactions","state":"pending")"), no_news);
  EXPECT_EQ(meaning_of(refresh + R"(transactions","state":"in_progress")"), no_news);
  for (const char* product : {"account_numbers", "identity", "investments", "enrichment"})
    EXPECT_EQ(meaning_of(refresh + product + R"(","state":"completed")"), no_news) << product;
  for (const char* event : {"links.state_changed", "link.product_refreshed", "product.state_changed", "x"})
    EXPECT_EQ(meaning_of(R"("webhook_event":")" + std::string(event) + R"(")"), unknown_event) << event;
}

TEST(Hook, AnotherMajorVersionIsNotRead) {
  for (const char* version : {"2", "0", "1.0", "1e0", "10"}) {
    const std::string body = R"({"webhook_event":"link.state_changed","webhook_major_version":)" +
                             std::string(version) + R"(,"link":{"id":7}})";
    const auto parsed = parse_hook(body);
    ASSERT_TRUE(parsed) << version;
    EXPECT_EQ(parsed->meaning, unknown_version) << version;
  }
}

TEST(Hook, WhatIsNoWebhookIsNotOne) {
  const std::string bad[] = {
      "",
      "[]",
      "{}",
      "null",
      "{\"webhook_event\":\"link.state_changed\"",
      R"({"webhook_event":"link.state_changed"})",
      R"({"webhook_major_version":1})",
      R"({"webhook_event":7,"webhook_major_version":1})",
      R"({"webhook_event":"link.state_changed","webhook_major_version":"1"})",
      R"({"webhook_event":"link.state_changed","webhook_major_version":1,"webhook_idempotency_key":"k"})",
      R"({"webhook_event":"link.state_changed","webhook_major_version":1,"link_id":"mk_1"})",
      hook(R"("webhook_event":"link.state_changed","webhook_event":"link.state_changed")"),
      changed(R"("k","link_id":7)"),
      changed(R"("","link_id":"a")"),
      changed(R"("k","link_id":"")"),
      hook(R"("webhook_event":"link.state_changed")") + "x",
      hook(R"("webhook_event":"link.state_changed","x":"\ud800")"),
  };
  for (const std::string& body : bad)
    EXPECT_FALSE(parse_hook(body)) << body;
  EXPECT_FALSE(parse_hook(hook_body(std::string(257, 'm'), "k")));
  EXPECT_FALSE(parse_hook(hook_body("mk_1", std::string(257, 'k'))));
}

TEST(Hint, ItsNoteNamesLinkAndSequence) {
  for (const std::string& id : {std::string("m"), std::string(256, 'x'), std::string("mk/1 \xc3\xa4")}) {
    const core::LinkId link_id{id};
    for (const std::uint64_t sequence : {std::uint64_t{1}, std::uint64_t{255}, ~std::uint64_t{0}}) {
      const std::string name = core::hint_note(link_id, sequence);
      EXPECT_TRUE(name.starts_with(core::hint_notes_of(link_id)));
      const auto parsed = core::parse_hint_note(name);
      ASSERT_TRUE(parsed) << id;
      EXPECT_EQ(parsed->link_id, id);
      EXPECT_EQ(parsed->sequence, sequence);
      EXPECT_FALSE(core::parse_hint_note(name + "x"));
      EXPECT_FALSE(core::parse_hint_note(std::string_view(name).substr(0, name.size() - 1)));
    }
  }
  // One link's hints do not begin as another's do.
  EXPECT_FALSE(
      core::hint_note(core::LinkId{"mk_12"}, 7).starts_with(core::hint_notes_of(core::LinkId{"mk_1"})));
  for (const char* bad : {"", "hint/", "hint/\0", "hint", "verify/x"})
    EXPECT_FALSE(core::parse_hint_note(bad));
}

}  // namespace
}  // namespace syncd::test
