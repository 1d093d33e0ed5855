#pragma once

#include <cstddef>
#include <string>

#include <fmt/format.h>

// Answers as upstream gives them, for tests and benchmarks.
namespace syncd::test {

inline std::string sample_link(const std::string& state = R"("connected")",
                               const std::string& error_code = "null") {
  return fmt::format(
      R"({{"link_id":"mk_eqkWN34UEoa2NxyALG8pcV","institution_id":"chase","institution_name":"Chase",)"
      R"("institution_avatar":"https://img.example.com/chase.png","state":{},)"
      R"("error_code":{},)"
      R"("last_synced_at":"2024-03-01T09:46:11.190512Z","provider":"moneykit","link_tags":["a","b"],)"
      R"("tags":null,)"
      R"("webhook":null,"products":{{"accounts":{{"refreshed_at":"2024-03-01T09:40:00.000001Z",)"
      R"("last_attempted_at":null,"error_code":null,"error_message":null,"unavailable":null}},)"
      R"("identity":null,)"
      R"("transactions":{{"refreshed_at":"2024-03-01T09:46:11.190512+00:00","last_attempted_at":null,)"
      R"("error_code":null,"error_message":null,"unavailable":null,"has_history":true}}}},)"
      R"("available_products":["account_numbers","investments"]}})",
      state, error_code);
}

inline std::string sample_account(int i = 1) {
  return fmt::format(
      R"({{"account_id":"acc_LeL7Asd3HZGN9vtvQ{:05}","account_type":"depository.checking",)"
      R"("name":"Plain Checking",)"
      R"("nickname":null,"account_mask":"3748","balances":{{"currency":"USD","available":340.12,)"
      R"("current":445.89,"limit":null,"balance_date":"2024-03-01"}},"original_id":null,"closed":false}})",
      i);
}

// About 400 bytes; with `enriched` about 800.
inline std::string sample_transaction(int i = 1, bool pending = false, bool enriched = false) {
  static constexpr const char* enrichment =
      R"({"category":{"value":"food_and_drink","confidence":97},"subcategory":{"value":"coffee_shops",)"
      R"("confidence":88},"merchant":{"id":"mer_4fUYw2","name":"Corner Coffee","logo":null,"confidence":91},)"
      R"("processor":{"id":"pro_9z","name":"Square","logo":"https://img.example.com/sq.png","confidence":99},)"
      R"("recurrence":{"frequency":"unknown","next_predicted_date":null}})";
  return fmt::format(
      R"({{"transaction_id":"txn_xTvrbZyGqvwZ7kfLd{:05}","account_id":"acc_LeL7Asd3HZGN9vtvQ{:05}",)"
      R"("amount":"{}.{:02}","type":"{}","currency":"USD","date":"2024-02-{:02}",)"
      R"("datetime":"2024-02-{:02}T23:59:59.999999Z","description":"Corner Coffee {}",)"
      R"("raw_description":"POS PURCHASE CORNER COFFEE {:08} SAN FRANCISCO CA","pending":{},)"
      R"("category":"food_and_drink.coffee_shops","enrichment":{}}})",
      i, i % 4, i * 7 % 5000, i % 100, i % 9 == 0 ? "credit" : "debit", i % 28 + 1, i % 28 + 1, i % 50,
      i * 7919, pending, enriched ? enrichment : "null");
}

// `transactions` rows, a third of them enriched.
inline std::string sample_page(int transactions = 2, bool has_more = false) {
  std::string page = R"({"transactions":{"created":[)";
  for (int i = 0; i < transactions; ++i) {
    if (i > 0) page += ',';
    page += sample_transaction(i, i % 50 == 0, i % 3 == 0);
  }
  page += R"(],"updated":[],"removed":["txn_7QfDRrwQTuvSm7KqTLCYRh"]},"accounts":[)";
  page += sample_account(1) + "," + sample_account(2);
  page += fmt::format(
      R"(],"cursor":{{"next":"c2VjcmV0LWN1cnNvci0xMjM0NTY3ODkwMTIzNDU2Nzg"}},"has_more":{},"link":)",
      has_more);
  return page + sample_link() + "}";
}

}  // namespace syncd::test
