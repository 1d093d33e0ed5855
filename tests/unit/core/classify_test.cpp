#include "sync/core/classify.hpp"

#include <gtest/gtest.h>

namespace syncd::core {
namespace {

using namespace std::chrono_literals;

constexpr ErrorContext first_sync{.endpoint = Endpoint::sync};
constexpr ErrorContext sync_after_cursor{.endpoint = Endpoint::sync, .sent_cursor = true};
constexpr ErrorContext link_call{.endpoint = Endpoint::link};
constexpr ErrorContext links_call{.endpoint = Endpoint::links, .sent_cursor = true, .link_call = false};
constexpr ErrorContext token_call{.endpoint = Endpoint::token, .link_call = false};
constexpr ErrorContext session_call{.endpoint = Endpoint::link_session, .link_call = false};
constexpr ErrorContext relink_call{.endpoint = Endpoint::link_session};
constexpr ErrorContext exchange_call{.endpoint = Endpoint::exchange_token, .link_call = false};
constexpr ErrorContext user_call{.endpoint = Endpoint::user_links, .link_call = false};
constexpr ErrorContext delete_call{.endpoint = Endpoint::delete_link};

struct Case {
  int status;
  const char* api_code;  // nullptr: not upstream's JSON
  const char* link_error_code;
  ErrorContext context;
  Errc expected;
};

Error classify(const Case& c, std::optional<Millis> retry_after = std::nullopt) {
  if (c.api_code == nullptr) return classify_status(c.status, nullptr, c.context, retry_after);
  const ErrorAnswer answer{.error_code = c.api_code, .link_error_code = c.link_error_code};
  return classify_status(c.status, &answer, c.context, retry_after);
}

TEST(Classify, ARefusedRequestNamesItsFields) {
  const ErrorAnswer answer{.error_code = "api_error.request.validation_failed",
                           .link_error_code = "",
                           .refused_fields = {"customer_user.id", "redirect_uri"}};
  const Error error = classify_status(422, &answer, session_call, std::nullopt);
  EXPECT_EQ(
      error.message,
      "link_session call: HTTP 422 api_error.request.validation_failed: upstream does not accept what was "
      "asked for: customer_user.id, redirect_uri");
}

TEST(Classify, EveryDocumentedRefusal) {
  const Case table[] = {
      {400, "api_error.auth.unauthorized", "", token_call, Errc::auth},
      {401, "api_error.auth.unauthorized", "", token_call, Errc::auth},
      {401, "api_error.auth.expired_access_token", "", first_sync, Errc::auth},
      {401, "api_error.auth.unauthorized", "", link_call, Errc::auth},
      {401, "link_error.unauthorized_access", "", first_sync, Errc::forbidden},
      {401, "link_error.unauthorized_access", "", links_call, Errc::auth},
      {401, "something.new", "", first_sync, Errc::auth},
      {403, "link_error.forbidden_action", "", first_sync, Errc::forbidden},
      {404, "link_error.not_found", "", first_sync, Errc::gone},
      {404, "link_error.not_found", "", link_call, Errc::gone},
      {410, "link_error.deleted", "", link_call, Errc::gone},
      {404, "institution_error.not_found", "", first_sync, Errc::protocol},
      {404, "link_error.not_found", "", links_call, Errc::protocol},
      {422, "link_error.bad_state", "auth_expired", first_sync, Errc::relink_required},
      {422, "link_error.bad_state", "user_setup_required", first_sync, Errc::relink_required},
      {422, "link_error.bad_state", "incomplete", sync_after_cursor, Errc::relink_required},
      {422, "link_error.bad_state", "institution_error", first_sync, Errc::upstream_state},
      {422, "link_error.bad_state", "system_error", sync_after_cursor, Errc::upstream_state},
      {422, "link_error.bad_state", "never_seen", first_sync, Errc::upstream_state},
      {422, "link_error.bad_state", "", sync_after_cursor, Errc::upstream_state},
      {422, "link_error.bad_state", "deleted", first_sync, Errc::gone},
      {422, "link_error.bad_state", "no_accounts", first_sync, Errc::forbidden},
      {422, "link_error.new_word", "auth_expired", sync_after_cursor, Errc::relink_required},
      {422, "link_error.new_word", "", first_sync, Errc::upstream_state},
      {422, "link_error.new_word", "", link_call, Errc::upstream_state},
      {422, "link_error.new_word", "", links_call, Errc::protocol},
      {422, "api_error.request.validation_failed", "", first_sync, Errc::protocol},
      {422, "api_error.request.validation_failed", "", sync_after_cursor, Errc::cursor_rejected},
      {422, "cursor_error.expired", "", sync_after_cursor, Errc::cursor_rejected},
      {422, "api_error.request.validation_failed", "", links_call, Errc::protocol},
      {422, "link_error.cursor_expired", "", sync_after_cursor, Errc::cursor_rejected},
      {404, "cursor_error.not_found", "", sync_after_cursor, Errc::cursor_rejected},
      {404, "link_error.cursor_not_found", "", sync_after_cursor, Errc::cursor_rejected},
      {404, "link_error.not_found", "", sync_after_cursor, Errc::gone},
      {410, "cursor_error.expired", "", sync_after_cursor, Errc::cursor_rejected},
      {410, "link_error.deleted", "", sync_after_cursor, Errc::gone},
      {410, "cursor_error.expired", "", first_sync, Errc::protocol},
      {400, "link_error.bad_config", "", sync_after_cursor, Errc::protocol},
      {400, "cursor_error.invalid", "", sync_after_cursor, Errc::cursor_rejected},
      {400, "cursor_error.invalid", "", first_sync, Errc::protocol},
      {400, "cursor_error.invalid", "", links_call, Errc::protocol},
      {429, "api_error.rate_limit_exceeded", "", first_sync, Errc::throttled},
      {409, "api_error.conflict", "", first_sync, Errc::protocol},
      {405, "api_error.method", "", first_sync, Errc::protocol},
  };
  for (const Case& c : table) {
    const Error error = classify(c);
    EXPECT_EQ(error.code, c.expected) << c.status << ' ' << c.api_code << ' ' << c.link_error_code;
    EXPECT_EQ(error.http_status, c.status);
    EXPECT_EQ(error.api_code, c.api_code);
    EXPECT_EQ(error.link_error_code, c.link_error_code);
  }
}

TEST(Classify, EveryRefusalOfWhatPeopleAskFor) {
  const Case table[] = {
      {403, "link_session_error.forbidden_config", "", session_call, Errc::forbidden},
      {422, "api_error.request.validation_failed", "", session_call, Errc::invalid},
      {401, "api_error.auth.unauthorized", "", session_call, Errc::auth},
      {401, "link_error.unauthorized_access", "", relink_call, Errc::forbidden},
      {404, "link_error.not_found", "", relink_call, Errc::gone},
      {410, "link_error.deleted", "", relink_call, Errc::gone},
      {404, "link_error.not_found", "", session_call, Errc::protocol},
      {422, "link_error.bad_state", "auth_expired", relink_call, Errc::upstream_state},
      {422, "link_error.bad_state", "", relink_call, Errc::upstream_state},
      {422, "link_error.bad_state", "deleted", relink_call, Errc::gone},
      {422, "link_error.new_word", "", relink_call, Errc::upstream_state},
      {429, "api_error.rate_limit_exceeded", "", session_call, Errc::throttled},
      {400, "link_session_error.invalid_token_exchange", "", exchange_call, Errc::invalid},
      {400, "link_session_error.invalid_token_exchange", "", session_call, Errc::protocol},
      {400, "something.new", "", exchange_call, Errc::protocol},
      {422, "api_error.request.validation_failed", "", exchange_call, Errc::invalid},
      {401, "link_error.unauthorized_access", "", exchange_call, Errc::forbidden},
      {401, "api_error.auth.expired_access_token", "", exchange_call, Errc::auth},
      {404, "api_error.not_found", "", user_call, Errc::not_found},
      {401, "link_error.unauthorized_access", "", user_call, Errc::forbidden},
      {422, "api_error.request.validation_failed", "", user_call, Errc::invalid},
      {404, "link_error.not_found", "", delete_call, Errc::gone},
      {410, "link_error.deleted", "", delete_call, Errc::gone},
      {422, "link_error.bad_state", "deleted", delete_call, Errc::gone},
      {422, "link_error.bad_state", "auth_expired", delete_call, Errc::upstream_state},
      {422, "api_error.request.validation_failed", "", delete_call, Errc::invalid},
      {403, "link_error.forbidden_action", "", delete_call, Errc::forbidden},
      {401, "link_error.unauthorized_access", "", delete_call, Errc::forbidden},
  };
  for (const Case& c : table) {
    const Error error = classify(c);
    EXPECT_EQ(error.code, c.expected) << c.status << ' ' << c.api_code << ' ' << c.link_error_code;
    EXPECT_EQ(error.http_status, c.status);
    EXPECT_EQ(error.api_code, c.api_code);
    EXPECT_EQ(error.link_error_code, c.link_error_code);
  }
}

// The body of a validation failure as frameworks print it: {"detail":[...]}.
TEST(Classify, JsonWithoutACodeMayBeAboutTheCursor) {
  for (const int status : {400, 404, 410, 422}) {
    EXPECT_EQ(classify({status, "", "", sync_after_cursor, {}}).code, Errc::cursor_rejected) << status;
    EXPECT_NE(classify({status, nullptr, "", sync_after_cursor, {}}).code, Errc::cursor_rejected) << status;
    EXPECT_NE(classify({status, "", "", first_sync, {}}).code, Errc::cursor_rejected) << status;
    EXPECT_NE(classify({status, "", "", links_call, {}}).code, Errc::cursor_rejected) << status;
  }
  for (const int status : {401, 403, 407}) {
    EXPECT_EQ(classify({status, "", "", sync_after_cursor, {}}).code, Errc::server) << status;
  }
}

TEST(Classify, DoubtfulIsWhatTheLinkObjectMayContradict) {
  const Case doubtful[] = {
      {404, "link_error.not_found", "", first_sync, Errc::gone},
      {422, "link_error.bad_state", "", first_sync, Errc::upstream_state},
      {422, "link_error.bad_state", "never_seen", first_sync, Errc::upstream_state},
      {422, "link_error.new_word", "", first_sync, Errc::upstream_state},
      {422, "api_error.request.validation_failed", "", sync_after_cursor, Errc::cursor_rejected},
      {404, "", "", sync_after_cursor, Errc::cursor_rejected},
  };
  for (const Case& c : doubtful) {
    EXPECT_EQ(classify(c).code, c.expected) << c.status << ' ' << c.api_code;
    EXPECT_TRUE(is_doubtful(classify(c))) << c.status << ' ' << c.api_code;
  }
  const Case clear[] = {
      {410, "link_error.deleted", "", first_sync, {}},
      {422, "link_error.bad_state", "auth_expired", first_sync, {}},
      {422, "link_error.bad_state", "institution_error", first_sync, {}},
      {403, "link_error.forbidden_action", "", first_sync, {}},
      {503, nullptr, "", sync_after_cursor, {}},
      {409, "api_error.conflict", "", sync_after_cursor, {}},
  };
  for (const Case& c : clear)
    EXPECT_FALSE(is_doubtful(classify(c))) << c.status;
  // What the link object itself has said is not asked again of the link object.
  EXPECT_FALSE(is_doubtful(Error{.code = Errc::upstream_state, .message = "outage", .http_status = 200}));
}

TEST(Classify, WhatAProxySaysCondemnsNobody) {
  const Case table[] = {
      {401, nullptr, "", first_sync, Errc::server},
      {403, nullptr, "", first_sync, Errc::server},
      {404, nullptr, "", link_call, Errc::server},
      {410, nullptr, "", link_call, Errc::server},
      {407, nullptr, "", first_sync, Errc::server},
      {401, nullptr, "", token_call, Errc::server},
      {404, "", "", link_call, Errc::server},
      {401, "", "", first_sync, Errc::server},
      {429, nullptr, "", first_sync, Errc::throttled},
      {408, nullptr, "", first_sync, Errc::timeout},
      {400, nullptr, "", sync_after_cursor, Errc::protocol},
      {422, nullptr, "", sync_after_cursor, Errc::protocol},
      {413, nullptr, "", first_sync, Errc::protocol},
      {431, nullptr, "", sync_after_cursor, Errc::protocol},
      {500, nullptr, "", first_sync, Errc::server},
      {502, nullptr, "", first_sync, Errc::server},
      {503, "api_error.down", "", link_call, Errc::server},
      {599, nullptr, "", token_call, Errc::server},
      {301, nullptr, "", first_sync, Errc::server},
      {302, nullptr, "", link_call, Errc::server},
      {304, nullptr, "", first_sync, Errc::server},
      {308, nullptr, "", token_call, Errc::server},
      {100, nullptr, "", first_sync, Errc::protocol},
      {204, nullptr, "", first_sync, Errc::protocol},
  };
  for (const Case& c : table)
    EXPECT_EQ(classify(c).code, c.expected) << c.status;
}

TEST(Classify, RetryAfterBelongsToThrottlingAndServerFailures) {
  for (int status = 300; status < 600; ++status) {
    const Error error = classify({status, "x.y", "", first_sync, Errc::protocol}, 7s);
    const bool waits = error.code == Errc::throttled || error.code == Errc::server;
    EXPECT_EQ(error.retry_after.has_value(), waits) << status;
    if (waits) EXPECT_EQ(error.retry_after, Millis{7s});
  }
  EXPECT_EQ(classify({429, nullptr, "", first_sync, Errc::throttled}).retry_after, std::nullopt);
}

TEST(Classify, MessagesNameCallStatusAndCode) {
  EXPECT_EQ(classify({422, "link_error.bad_state", "auth_expired", first_sync, {}}).message,
            "sync call: HTTP 422 link_error.bad_state (auth_expired): the link's owner must act");
  EXPECT_EQ(classify({503, nullptr, "", link_call, {}}).message, "link call: HTTP 503: the server failed");
  EXPECT_EQ(classify({301, nullptr, "", token_call, {}}).message,
            "token call: HTTP 301: redirects are not followed");
}

LinkObject link_in(std::string_view state, std::string_view error_code = "") {
  LinkObject link;
  link.state = state;
  link.error_code = error_code;
  return link;
}

TEST(LinkConditions, OfStates) {
  EXPECT_EQ(condition_of(link_in("connected")).health, LinkHealth::connected);
  EXPECT_TRUE(condition_of(link_in("connected")).data_readable);
  // A code beside `connected` is a memory of the past.
  EXPECT_EQ(condition_of(link_in("connected", "auth_expired")).health, LinkHealth::connected);
  for (const char* state : {"connecting", "awaiting_token_exchange"}) {
    const LinkCondition condition = condition_of(link_in(state));
    EXPECT_EQ(condition.health, LinkHealth::not_ready);
    EXPECT_FALSE(condition.data_readable);
    EXPECT_EQ(condition.reason, state);
  }
  EXPECT_EQ(condition_of(link_in("deleted")).health, LinkHealth::deleted);
  EXPECT_FALSE(condition_of(link_in("deleted")).data_readable);
}

TEST(LinkConditions, OfErrorCodes) {
  for (const char* code : {"auth_expired", "user_setup_required", "invalid_credentials", "user_oauth_denied",
                           "user_input_incorrect", "user_error"}) {
    const LinkCondition condition = condition_of(link_in("error", code));
    EXPECT_EQ(condition.health, LinkHealth::needs_owner) << code;
    EXPECT_TRUE(condition.data_readable) << code;
    EXPECT_TRUE(condition.known);
    EXPECT_EQ(condition.reason, code);
  }
  EXPECT_EQ(condition_of(link_in("error", "incomplete")).health, LinkHealth::needs_owner);
  EXPECT_FALSE(condition_of(link_in("error", "incomplete")).data_readable);
  EXPECT_EQ(condition_of(link_in("error", "no_accounts")).health, LinkHealth::unsupported);
  for (const char* code : {"institution_error", "provider_error", "system_error"}) {
    EXPECT_EQ(condition_of(link_in("error", code)).health, LinkHealth::outage) << code;
    EXPECT_TRUE(condition_of(link_in("error", code)).known) << code;
  }
}

// An authorisation that has ended may show at a product first, while the state still says connected.
TEST(LinkConditions, AProductThatCannotBeRefreshedForWantOfTheOwnerSpeaksForTheLink) {
  for (const bool of_accounts : {false, true}) {
    LinkObject link = link_in("connected");
    ProductInfo& product = of_accounts ? link.accounts : link.transactions;
    product = {.granted = true, .refreshed_at = {}, .error_code = "auth_expired", .failing = true};
    EXPECT_EQ(condition_of(link).health, LinkHealth::needs_owner);
    EXPECT_EQ(condition_of(link).reason, "auth_expired");
    EXPECT_TRUE(condition_of(link).data_readable);
    product.failing = false;  // it has succeeded since
    EXPECT_EQ(condition_of(link).health, LinkHealth::connected);
    // Troubles that pass: what is stored upstream can be read as before.
    for (const char* code : {"rate_limit", "timeout", "institution_error", "no_permission", "brand_new"}) {
      product = {.granted = true, .refreshed_at = {}, .error_code = code, .failing = true};
      EXPECT_EQ(condition_of(link).health, LinkHealth::connected) << code;
    }
  }
  LinkObject down = link_in("error", "institution_error");
  down.transactions = {.granted = true, .refreshed_at = {}, .error_code = "auth_expired", .failing = true};
  EXPECT_EQ(condition_of(down).health, LinkHealth::outage);
}

// J-5
TEST(LinkConditions, UnknownIsNeverHealthy) {
  for (const LinkCondition& condition :
       {condition_of(link_in("dreaming")), condition_of(link_in("error", "payment_error")),
        condition_of(link_in("error")), condition_of_error_code("")}) {
    EXPECT_EQ(condition.health, LinkHealth::outage);
    EXPECT_FALSE(condition.known);
  }
  EXPECT_EQ(condition_of(link_in("dreaming")).reason, "dreaming");
  EXPECT_EQ(condition_of(link_in("error", "payment_error")).reason, "payment_error");
  EXPECT_EQ(condition_of(link_in("error")).reason, "error");
}

}  // namespace
}  // namespace syncd::core
