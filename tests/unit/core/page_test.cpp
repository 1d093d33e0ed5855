#include "sync/core/page.hpp"

#include <gtest/gtest.h>

#include "tests/unit/core/sample_answers.hpp"

namespace syncd::core {
namespace {

using test::sample_account;
using test::sample_link;
using test::sample_page;
using test::sample_transaction;

std::string replaced(std::string text, std::string_view from, std::string_view to) {
  const std::size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  if (at != std::string::npos) text.replace(at, from.size(), to);
  return text;
}

std::string page_with(const std::string& transactions, const std::string& rest = R"("has_more":false)") {
  return R"({"transactions":)" + transactions + "," + rest + R"(,"link":)" + sample_link() + "}";
}

// The three lists, empty.
constexpr const char* no_rows = R"({"created":[],"updated":[],"removed":[]})";

std::string page_of(const std::string& row) {
  return page_with(R"({"created":[)" + row + R"(],"updated":[],"removed":[]})");
}

std::string refusal(std::string body) {
  const std::uint64_t size = body.size();
  const auto page = parse_page(std::move(body));
  if (page) return "accepted";
  EXPECT_EQ(page.error().code, Errc::protocol);
  EXPECT_EQ(page.error().body_bytes, size);
  constexpr std::string_view front = "a sync answer was refused: ";
  EXPECT_TRUE(page.error().message.starts_with(front)) << page.error().message;
  return page.error().message.substr(front.size());
}

TEST(SyncAnswer, IsReadWhole) {
  const std::string body = sample_page(2, true);
  const auto page = parse_page(body);
  ASSERT_TRUE(page) << page.error().message;
  const Page& p = **page;
  EXPECT_EQ(p.body, body);
  ASSERT_EQ(p.created.size(), 2u);
  const TransactionRow& row = p.created[0];
  EXPECT_EQ(row.transaction_id, "txn_xTvrbZyGqvwZ7kfLd00000");
  EXPECT_EQ(row.account_id, "acc_LeL7Asd3HZGN9vtvQ00000");
  EXPECT_EQ(row.amount, "0.00");
  EXPECT_EQ(row.type, "credit");
  EXPECT_EQ(row.currency, "USD");
  EXPECT_EQ(row.date, "2024-02-01");
  EXPECT_TRUE(row.pending);
  EXPECT_EQ(row.json, sample_transaction(0, true, true));
  EXPECT_FALSE(p.created[1].pending);
  EXPECT_TRUE(p.updated.empty());
  EXPECT_EQ(p.removed, std::vector<std::string_view>{"txn_7QfDRrwQTuvSm7KqTLCYRh"});
  EXPECT_TRUE(p.accounts_present);
  EXPECT_EQ(p.accounts_json, "[" + sample_account(1) + "," + sample_account(2) + "]");
  ASSERT_EQ(p.accounts.size(), 2u);
  EXPECT_EQ(p.accounts[1].account_id, "acc_LeL7Asd3HZGN9vtvQ00002");
  EXPECT_EQ(p.accounts[1].json, sample_account(2));
  EXPECT_EQ(p.next, "c2VjcmV0LWN1cnNvci0xMjM0NTY3ODkwMTIzNDU2Nzg");
  EXPECT_TRUE(p.has_more);
  EXPECT_EQ(p.link.json, sample_link());
  EXPECT_EQ(p.unknown_values, 0u);
}

TEST(SyncAnswer, ViewsLieInTheBodyOrInItsUnescapedStrings) {
  const auto page = parse_page(page_of(replaced(sample_transaction(), "txn_", "txn\\u005f")));
  ASSERT_TRUE(page);
  const Page& p = **page;
  const TransactionRow& row = p.created[0];
  EXPECT_EQ(row.transaction_id, "txn_xTvrbZyGqvwZ7kfLd00001");
  EXPECT_EQ(p.unescaped.size(), 1u);
  EXPECT_EQ(row.transaction_id.data(), p.unescaped[0].data());
  EXPECT_GE(row.json.data(), p.body.data());
  EXPECT_LE(row.json.data() + row.json.size(), p.body.data() + p.body.size());
  EXPECT_TRUE(row.json.find("txn\\u005f") != std::string_view::npos);
}

TEST(SyncAnswer, ShortBodiesKeepTheirViews) {
  const auto page = parse_page(R"({"transactions":{"created":[],"updated":[],"removed":[]},"has_more":false,)"
                               R"("link":{"link_id":"a","state":"b"}})");
  ASSERT_TRUE(page);
  const auto copy = *page;  // the owner is shared, never moved
  EXPECT_EQ(copy->link.link_id, "a");
  EXPECT_EQ(copy->link.state, "b");
  const auto link = parse_link(R"({"link_id":"a","state":"b"})");
  ASSERT_TRUE(link);
  EXPECT_EQ((*link)->link.json, R"({"link_id":"a","state":"b"})");
}

TEST(SyncAnswer, SlicesAreTightWhateverTheLayout) {
  const auto page = parse_page(
      "\n{ \"transactions\" : { \"created\" : [ \n "
      "{\"transaction_id\":\"t\",\"account_id\":\"a\",\"amount\":\"1\","
      "\"type\":\"debit\",\"currency\":\"USD\",\"date\":\"2024-01-01\",\"pending\":false } \t, \n"
      " {\"pending\":true,\"date\":\"2024-01-02T00:00:00\",\"currency\":\"USD\",\"type\":\"credit\","
      "\"amount\":2.50,"
      "\"account_id\":\"a\",\"transaction_id\":\"u\"}\n ] , \"updated\":[],\"removed\" : [] } , \"accounts\" "
      ": [ ] , \"has_more\" : false , "
      "\"link\" :\n"
      "{\"link_id\":\"l\",\"state\":\"connected\"}\r\n} \n");
  ASSERT_TRUE(page) << page.error().message;
  const Page& p = **page;
  ASSERT_EQ(p.created.size(), 2u);
  EXPECT_TRUE(p.created[0].json.starts_with("{\"transaction_id\"") && p.created[0].json.ends_with("false }"));
  EXPECT_TRUE(p.created[1].json.ends_with("\"u\"}"));
  EXPECT_EQ(p.created[1].amount, "2.50");
  EXPECT_EQ(p.created[1].date, "2024-01-02");
  EXPECT_EQ(p.accounts_json, "[ ]");
  EXPECT_EQ(p.link.json, "{\"link_id\":\"l\",\"state\":\"connected\"}");
}

TEST(SyncAnswer, OptionalPartsMayBeMissing) {
  const auto page = parse_page(page_with(no_rows));
  ASSERT_TRUE(page) << page.error().message;
  EXPECT_TRUE((*page)->created.empty() && (*page)->updated.empty() && (*page)->removed.empty());
  EXPECT_FALSE((*page)->accounts_present);
  EXPECT_EQ((*page)->next, "");
  for (const char* rest :
       {R"("cursor":null,"accounts":null,"has_more":true)", R"("cursor":{},"has_more":true)",
        R"("cursor":{"next":null},"has_more":true)", R"("cursor":{"next":""},"has_more":true)"}) {
    const auto other = parse_page(page_with(no_rows, rest));
    ASSERT_TRUE(other) << other.error().message;
    EXPECT_EQ((*other)->next, "");
    EXPECT_FALSE((*other)->accounts_present);
    EXPECT_TRUE((*other)->has_more);
  }
}

// J-4
TEST(SyncAnswer, RequiredPartsMustBeThere) {
  const std::string link = sample_link();
  const std::string front = R"({"transactions":)" + std::string(no_rows) + R"(,"has_more":false)";
  EXPECT_EQ(refusal("{}"), "transactions is missing");
  EXPECT_EQ(refusal(R"({"transactions":)" + std::string(no_rows) + R"(,"link":)" + link + "}"),
            "has_more is missing");
  EXPECT_EQ(refusal(front + "}"), "link is missing");
  EXPECT_EQ(refusal(front + R"(,"link":null})"), "link is null");
  EXPECT_EQ(refusal(front + R"(,"link":{}})"), "link.link_id is missing");
  EXPECT_EQ(refusal(page_with("null")), "transactions is null");
  EXPECT_EQ(refusal(page_with("[]")), "transactions is not an object");
  EXPECT_EQ(refusal(page_with(R"({"created":null})")), "transactions.created is null");
  EXPECT_EQ(refusal(page_with(R"({"created":{}})")), "transactions.created is not an array");
  EXPECT_EQ(refusal(page_with(R"({"updated":[7]})")), "transactions.updated[0] is not an object");
  EXPECT_EQ(refusal(page_with(R"({"removed":["a",null]})")), "transactions.removed[1] is null");
  EXPECT_EQ(refusal(page_with(R"({"removed":[{"transaction_id":"a"}]})")),
            "transactions.removed[0] is not a string");
  EXPECT_EQ(refusal(page_with(no_rows, R"("has_more":null)")), "has_more is null");
  EXPECT_EQ(refusal(page_with(no_rows, R"("has_more":"false")")), "has_more is not a boolean");
  EXPECT_EQ(refusal(page_with(no_rows, R"("has_more":0)")), "has_more is not a boolean");
  EXPECT_EQ(refusal(page_with(no_rows, R"("cursor":"abc","has_more":true)")), "cursor is not an object");
  EXPECT_EQ(refusal(page_with(no_rows, R"("cursor":{"next":5},"has_more":true)")),
            "cursor.next is not a string");
  EXPECT_EQ(refusal(page_with(no_rows, R"("accounts":{},"has_more":true)")), "accounts is not an array");
  EXPECT_EQ(refusal(page_with(no_rows, R"("accounts":[{}],"has_more":true)")),
            "accounts[0].account_id is missing");
  EXPECT_EQ(refusal(page_with(no_rows, R"("accounts":[{"account_id":null}],"has_more":true)")),
            "accounts[0].account_id is null");
  EXPECT_EQ(refusal("[]"), "the answer is not an object");
  EXPECT_EQ(refusal("null"), "the answer is null");
  EXPECT_EQ(refusal("<html>"), "the answer is not an object");
}

// The cursor moves past the rows of a list that is left out, and nobody would ever ask for them again.
TEST(SyncAnswer, TheThreeListsMustBeThere) {
  EXPECT_EQ(refusal(page_with("{}")), "transactions.created is missing");
  EXPECT_EQ(refusal(page_with(R"({"updated":[],"removed":[]})")), "transactions.created is missing");
  EXPECT_EQ(refusal(page_with(R"({"created":[],"removed":[]})")), "transactions.updated is missing");
  EXPECT_EQ(refusal(page_with(R"({"created":[],"updated":[]})")), "transactions.removed is missing");
}

// J-4
TEST(SyncAnswer, EachRequiredMemberOfAnAccountIsNamed) {
  const std::pair<std::string, std::string> members[] = {
      {"account_id", R"("account_id":"acc_LeL7Asd3HZGN9vtvQ00001",)"},
      {"account_type", R"("account_type":"depository.checking",)"},
      {"name", R"("name":"Plain Checking",)"},
      {"balances", R"("balances":{"currency":"USD","available":340.12,"current":445.89,"limit":null,)"
                   R"("balance_date":"2024-03-01"},)"}};
  const auto with = [](const std::string& account) {
    return page_with(no_rows,
                     R"("accounts":[)" + sample_account(2) + "," + account + R"(],"has_more":false)");
  };
  for (const auto& [name, text] : members) {
    const std::string place = "accounts[1]." + name;
    EXPECT_EQ(refusal(with(replaced(sample_account(), text, ""))), place + " is missing");
    EXPECT_EQ(refusal(with(replaced(sample_account(), text, "\"" + name + "\":null,"))), place + " is null");
    EXPECT_EQ(
        refusal(with(replaced(sample_account(), text, "\"" + name + "\":7,"))).substr(0, place.size() + 8),
        place + " is not ");
    const std::string body =
        R"({"accounts":[)" + replaced(sample_account(), text, "") + R"(],"link":)" + sample_link() + "}";
    EXPECT_FALSE(parse_accounts(body)) << name;
  }
}

// Balances are numbers: their text is what is kept.
TEST(SyncAnswer, BalancesKeepTheirText) {
  for (const char* number : {"1e2", "-0.0", "100.10", "12345678901234567890123456789012345678"}) {
    const std::string account = replaced(sample_account(), "445.89", number);
    const auto page = parse_page(page_with(no_rows, R"("accounts":[)" + account + R"(],"has_more":false)"));
    ASSERT_TRUE(page) << page.error().message;
    EXPECT_EQ((*page)->accounts[0].json, account);
    EXPECT_EQ((*page)->accounts_digest, digest_of((*page)->accounts_json));
  }
}

// J-5
TEST(SyncAnswer, UnknownAccountTypesAreKeptAndCounted) {
  const auto unknown = [](const std::string& type) {
    const std::string account = replaced(sample_account(), "depository.checking", type);
    const auto page = parse_page(page_with(no_rows, R"("accounts":[)" + account + R"(],"has_more":false)"));
    const auto answer = parse_accounts(R"({"accounts":[)" + account + R"(],"link":)" + sample_link() + "}");
    EXPECT_TRUE(page && answer) << type;
    EXPECT_EQ((*page)->unknown_values, (*answer)->unknown_values);
    EXPECT_EQ((*page)->accounts[0].json, account);
    return (*page)->unknown_values;
  };
  for (const char* type : {"depository.savings", "liability.credit_card", "investment.ira.roth", "investment",
                           "other", "unknown", "depository.brand_new"}) {
    EXPECT_EQ(unknown(type), 0u) << type;
  }
  for (const char* type : {"credit_card", "loan.mortgage", "unknown.thing", "depositoryx", ""}) {
    EXPECT_EQ(unknown(type), 1u) << type;
  }
}

// J-4
TEST(SyncAnswer, EachRequiredMemberOfATransactionIsNamed) {
  const std::string row = sample_transaction();
  const std::pair<std::string, std::string> members[] = {
      {"transaction_id", R"("transaction_id":"txn_xTvrbZyGqvwZ7kfLd00001",)"},
      {"account_id", R"("account_id":"acc_LeL7Asd3HZGN9vtvQ00001",)"},
      {"amount", R"("amount":"7.01",)"},
      {"type", R"("type":"debit",)"},
      {"currency", R"("currency":"USD",)"},
      {"date", R"("date":"2024-02-02",)"},
      {"pending", R"("pending":false,)"}};
  for (const auto& [name, text] : members) {
    const std::string place = "transactions.created[3]." + name;
    const std::string before = row + "," + row + "," + row + ",";
    EXPECT_EQ(refusal(page_of(before + replaced(row, text, ""))), place + " is missing");
    EXPECT_EQ(refusal(page_of(before + replaced(row, text, "\"" + name + "\":null,"))), place + " is null");
    EXPECT_EQ(
        refusal(page_of(before + replaced(row, text, "\"" + name + "\":{},"))).substr(0, place.size() + 8),
        place + " is not ");
    EXPECT_EQ(refusal(page_of(before + replaced(row, text, text + text))),
              "transactions.created[3] has a member twice");
  }
}

TEST(SyncAnswer, AmountsKeepTheirText) {
  const auto amount = [](const std::string& value) -> std::string {
    const auto page =
        parse_page(page_of(replaced(sample_transaction(), R"("amount":"7.01")", R"("amount":)" + value)));
    return page ? std::string((*page)->created[0].amount) : page.error().message.substr(27);
  };
  for (const char* text : {"0", "0.00", "4000.00", "007.10", "12345678901234567890123456789012345678",
                           "0.00000000000000000001", "-1.50"}) {
    EXPECT_EQ(amount("\"" + std::string(text) + "\""), text);
  }
  for (const char* text :
       {"384.05", "0", "-0.0", "1e2", "1e400", "-1.50", "99999999999999999999999999999999999999"}) {
    EXPECT_EQ(amount(text), text);
  }
  for (const char* value : {R"("")", R"("-")", R"("1.")", R"(".5")", R"("+1")", R"("1,5")", R"("1e2")",
                            R"("1 ")", R"("0x1")", R"("NaN")", R"("1.2.3")", R"("$1")", R"("١")"}) {
    EXPECT_EQ(amount(value), "transactions.created[0].amount is not a decimal number") << value;
  }
  EXPECT_EQ(amount("01"), "transactions.created[0].amount is not a valid number");
  EXPECT_EQ(amount("true"), "transactions.created[0].amount is not a string");
}

TEST(SyncAnswer, DatesAreCalendarDays) {
  const auto date = [](const std::string& text) -> std::string {
    const auto page = parse_page(
        page_of(replaced(sample_transaction(), "2024-02-02\",\"datetime", text + "\",\"datetime")));
    return page ? std::string((*page)->created[0].date) : "refused";
  };
  EXPECT_EQ(date("2024-02-29"), "2024-02-29");
  EXPECT_EQ(date("2023-02-16T00:00:00"), "2023-02-16");
  EXPECT_EQ(date("2023-02-16 00:00:00Z"), "2023-02-16");
  for (const char* text :
       {"", "2024", "2023-02-29", "2024-13-01", "16/02/2023", "2023-2-16", "0000-00-00", "today"}) {
    EXPECT_EQ(date(text), "refused") << text;
  }
}

// J-5
TEST(SyncAnswer, UnknownWordsAreKeptAndCounted) {
  const auto page =
      parse_page(page_of(replaced(sample_transaction(), R"("type":"debit")", R"("type":"transfer")") + "," +
                         replaced(sample_transaction(2), R"("amount":"14.02")", R"("amount":"-14.02")")));
  ASSERT_TRUE(page) << page.error().message;
  EXPECT_EQ((*page)->created[0].type, "transfer");
  EXPECT_EQ((*page)->created[1].amount, "-14.02");
  EXPECT_EQ((*page)->unknown_values, 2u);
}

// J-7
TEST(SyncAnswer, IdsHaveOneTo256BytesAndNoControlCharacters) {
  const auto with_id = [](const std::string& id) {
    return page_of(replaced(sample_transaction(), "txn_xTvrbZyGqvwZ7kfLd00001", id));
  };
  for (const std::string& id :
       {std::string(256, 'x'), std::string("/../"), std::string("a\\\"b"), std::string("ü")}) {
    EXPECT_EQ(refusal(with_id(id)), "accepted") << id;
  }
  for (const std::string& id : {std::string(), std::string(257, 'x'), std::string(10'240, 'x'),
                                std::string("a\\u0000b"), std::string("a\\nb"), std::string("a\x7f")}) {
    EXPECT_EQ(
        refusal(with_id(id)),
        "transactions.created[0].transaction_id is not an id of 1 to 256 bytes without control characters");
  }
}

TEST(SyncAnswer, CursorsAreLimited) {
  const auto with_cursor = [](std::size_t bytes) {
    return page_with(no_rows, R"("cursor":{"next":")" + std::string(bytes, 'c') + R"("},"has_more":true)");
  };
  EXPECT_EQ(refusal(with_cursor(cursor_bytes_max)), "accepted");
  EXPECT_EQ(refusal(with_cursor(cursor_bytes_max + 1)), "cursor.next is longer than a cursor may be");
}

// J-8
TEST(SyncAnswer, RowsAreLimitedOverAllLists) {
  const auto with_removed = [](std::size_t rows) {
    std::string list = R"({"created":[],"updated":[],"removed":["a")";
    for (std::size_t i = 1; i < rows; ++i)
      list += ",\"a\"";
    return page_with(list + "]}", R"("accounts":[)" + sample_account() + R"(],"has_more":false)");
  };
  EXPECT_EQ(refusal(with_removed(page_rows_max - 1)), "accepted");
  EXPECT_EQ(refusal(with_removed(page_rows_max)), "accounts holds more rows than an answer may");
  // A smaller page may pass; what is wrong in itself is wrong in any size.
  EXPECT_TRUE(parse_page(with_removed(page_rows_max)).error().too_large);
  EXPECT_FALSE(parse_page("{}").error().too_large);
}

// J-2, J-3
TEST(SyncAnswer, UnreadMembersAreCheckedAndUnknownOnesIgnored) {
  const std::string row = sample_transaction();
  const auto with_extra = [&row](const std::string& value) {
    return page_of(replaced(row, "{", R"({"surprise":)" + value + ","));
  };
  EXPECT_EQ(refusal(with_extra(R"({"deep":[1,{"er":"\u00e9"}]})")), "accepted");
  EXPECT_EQ(refusal(with_extra("nope")), "transactions.created[0].(another member) is not valid JSON");
  EXPECT_EQ(refusal(with_extra("01")), "transactions.created[0].(another member) is not a valid number");
  EXPECT_EQ(refusal(with_extra(R"({"a":1,"a":2})")),
            "transactions.created[0].(another member) has a member twice");
  EXPECT_EQ(refusal(with_extra(R"("\ud800")")),
            "transactions.created[0].(another member) holds an escape that names no character");
  EXPECT_EQ(refusal(with_extra(std::string(2000, '[') + std::string(2000, ']'))),
            "transactions.created[0].(another member) is nested too deeply");
}

TEST(SyncAnswer, MessagesNeverShowContent) {
  const std::string secret = "verysecretvalue";
  for (const std::string& body :
       {page_of(replaced(sample_transaction(), "\"7.01\"", "\"" + secret + "\"")),
        page_of(replaced(sample_transaction(), "2024-02-02", secret)),
        page_of(replaced(sample_transaction(), "{", "{\"" + secret + "\":nope,")),
        page_of(replaced(sample_transaction(), "{", "{\"" + secret + "\":1,\"" + secret + "\":2,")),
        page_with(no_rows, "\"" + secret + "\":x"), page_with("\"" + secret + "\"")}) {
    const auto page = parse_page(body);
    ASSERT_FALSE(page);
    EXPECT_EQ(page.error().message.find(secret), std::string::npos) << page.error().message;
  }
}

TEST(SyncAnswer, EvidenceIsSizeAndDigest) {
  const auto page = parse_page("{}");
  ASSERT_FALSE(page);
  EXPECT_EQ(page.error().body_bytes, 2u);
  EXPECT_EQ(page.error().body_digest, digest_of("{}"));
}

TEST(AccountsAnswers, NeedAccountsAndLink) {
  const std::string body = R"({"accounts":[)" + sample_account() + R"(],"link":)" + sample_link() + "}";
  const auto answer = parse_accounts(body);
  ASSERT_TRUE(answer) << answer.error().message;
  ASSERT_EQ((*answer)->accounts.size(), 1u);
  EXPECT_EQ((*answer)->accounts[0].json, sample_account());
  EXPECT_EQ((*answer)->link.state, "connected");
  EXPECT_FALSE(parse_accounts(R"({"link":)" + sample_link() + "}"));
  EXPECT_FALSE(parse_accounts(R"({"accounts":null,"link":)" + sample_link() + "}"));
  EXPECT_FALSE(parse_accounts(R"({"accounts":[]})"));
  EXPECT_EQ(parse_accounts(R"({"accounts":[{"account_id":7}],"link":{}})").error().message,
            "an accounts answer was refused: accounts[0].account_id is not a string");
  const auto empty = parse_accounts(R"({"accounts":[],"link":)" + sample_link() + "}");
  ASSERT_TRUE(empty);
  EXPECT_TRUE((*empty)->accounts.empty());
}

TEST(AccountsAnswers, AreReadToTheirEnd) {
  const std::string body = R"({"accounts":[],"link":)" + sample_link();
  const auto with_more = parse_accounts(body + R"(,"institution":{"id":"chase"}})");
  ASSERT_TRUE(with_more) << with_more.error().message;
  EXPECT_EQ(parse_accounts("[]").error().message,
            "an accounts answer was refused: the answer is not an object");
  EXPECT_FALSE(parse_accounts(body));
  EXPECT_FALSE(parse_accounts(body + R"(,"institution":{"id":nope}})"));
  EXPECT_FALSE(parse_accounts(body + R"( "institution":null})"));
}

TEST(LinksAnswers, AreReadToTheirEnd) {
  const auto with_more = parse_links(R"({"total":2,"links":[{"link_id":"mk_1"}],"next_cursor":"n"})");
  ASSERT_TRUE(with_more) << with_more.error().message;
  EXPECT_EQ((*with_more)->link_ids, std::vector<std::string_view>{"mk_1"});
  EXPECT_EQ(parse_links("[]").error().message, "a list of links was refused: the answer is not an object");
  for (const char* broken :
       {R"({"links":[])", R"({"links":[] "next_cursor":""})", R"({"links":[{"link_id":"a"]})",
        R"({"links":[{"link_id":"a" "b":1}]})", R"({"links":[],"total":nope})"}) {
    EXPECT_FALSE(parse_links(broken)) << broken;
  }
}

TEST(LinksAnswers, ListIds) {
  const auto answer =
      parse_links(R"({"links":[{"link_id":"mk_1","created_at":"2024-01-01T00:00:00Z"},{"link_id":"mk_2"}],)"
                  R"("next_cursor":"abc"})");
  ASSERT_TRUE(answer) << answer.error().message;
  EXPECT_EQ((*answer)->link_ids, (std::vector<std::string_view>{"mk_1", "mk_2"}));
  EXPECT_EQ((*answer)->next, "abc");
  for (const char* end :
       {R"({"links":[],"next_cursor":""})", R"({"links":[],"next_cursor":null})", R"({"links":[]})"}) {
    const auto last = parse_links(end);
    ASSERT_TRUE(last) << end;
    EXPECT_EQ((*last)->next, "");
  }
  for (const char* bad : {"{}", R"({"links":{}})", R"({"links":[{}]})", R"({"links":["mk_1"]})",
                          R"({"links":[{"link_id":""}]})", R"({"links":[],"next_cursor":5})"}) {
    EXPECT_FALSE(parse_links(bad)) << bad;
  }
}

}  // namespace
}  // namespace syncd::core
