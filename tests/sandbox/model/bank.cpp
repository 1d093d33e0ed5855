#include "tests/sandbox/model/bank.hpp"

#include <algorithm>
#include <array>

#include "tests/sandbox/model/marks.hpp"
#include "tests/sandbox/model/refresh_habit.hpp"

namespace syncd::sandbox {
namespace {

// Words that keep the random streams of one row or account apart.
constexpr std::uint64_t stream_row_id = 0x101;
constexpr std::uint64_t stream_row_text = 0x102;
constexpr std::uint64_t stream_revision = 0x103;
constexpr std::uint64_t stream_balance = 0x104;

using std::chrono_literals::operator""h;

void append_member(std::string& out, std::string_view name, std::string_view json) {
  out.append(",\"").append(name).append("\":").append(json);
}

void append_text_member(std::string& out, std::string_view name, std::string_view text) {
  out.append(",\"").append(name).append("\":");
  append_json_string(out, text);
}

/// A revision changes one thing about a row: amount, wording, category, or (rarely) day or account.
std::uint64_t revision_hash(std::uint64_t link_seed, std::uint32_t index, const RowState& state) {
  return state.revision == 0 ? 0 : hash_words(link_seed, stream_revision, index, state.revision);
}

std::string_view revised_category(std::uint64_t change) {
  constexpr std::array<std::string_view, 4> categories = {"uncategorized.other", "shopping.general",
                                                          "services.professional", "food_and_drink.other"};
  return categories[change / 64 % categories.size()];
}

void append_amount(std::string& out, const Switches& switches, std::uint64_t extra, std::uint32_t cents) {
  const std::string_view quote = switches.amounts_as_numbers ? "" : "\"";
  out.append(",\"amount\":").append(quote).append(switches.marked_data ? marks::amount : "");
  append_cents(out, cents);
  if (switches.odd_numbers && extra % 61 == 0) {
    out.append("05");  // currencies with more than two decimals exist
  }
  out.append(quote);
}

void append_enrichment(std::string& out, const Merchant& merchant, std::string_view name, std::uint64_t extra,
                       std::int32_t day) {
  out.append(",\"enrichment\":{\"category\":{\"value\":");
  append_json_string(out, merchant.enriched);
  out.append(",\"confidence\":");
  append_number(out, static_cast<std::int64_t>(60 + extra % 41));
  out.append("},\"subcategory\":{\"value\":");
  append_json_string(out, merchant.enriched_sub);
  out.append(",\"confidence\":");
  append_number(out, static_cast<std::int64_t>(50 + extra / 64 % 51));
  out.append("},\"merchant\":{\"id\":");
  append_json_string(out, make_id("mer_", mix(merchant.cents_min + 7U), mix(merchant.cents_max)));
  append_text_member(out, "name", name);
  append_member(out, "logo", "null");
  out.append(",\"confidence\":");
  append_number(out, static_cast<std::int64_t>(70 + extra / 4096 % 31));
  out.append("},\"processor\":null,\"recurrence\":");
  if (merchant.habit == Habit::random) {
    out.append("null}");
    return;
  }
  out.append(merchant.habit == Habit::monthly ? R"({"frequency":"monthly","next_predicted_date":")"
                                              : R"({"frequency":"semi_monthly","next_predicted_date":")");
  append_date(out, day + (merchant.habit == Habit::monthly ? 30 : 15));
  out.append("\"}}");
}

void append_balance(std::string& out, const Account& account, const Switches& switches, std::string_view name,
                    std::uint64_t stream, std::int64_t typical) {
  constexpr std::array<std::string_view, 9> odd = {
      "1372.90", "0.1", "1e2", "-0.0", "100.10", "0", "1.50E+3", "7", "90071992547409.93"};
  const std::uint64_t draw = hash_words(account.seed, stream_balance, stream, account.revision);
  out.append("\"").append(name).append("\":").append(switches.marked_data ? marks::balance : "");
  if (switches.odd_numbers && !switches.marked_data && draw % 11 == 0) {
    out.append(odd[draw / 16 % odd.size()]);
    return;
  }
  // Between a third of the typical sum and twice it; now and then below zero.
  std::int64_t cents =
      typical / 3 + static_cast<std::int64_t>(draw / 16 % static_cast<std::uint64_t>(typical * 2));
  if (!switches.marked_data && draw % 37 == 0) {
    cents = -cents / 4;
  }
  append_cents(out, cents);
}

}  // namespace

const std::vector<Institution>& institutions() {
  static const std::vector<Institution> list = {
      {"credentials_bank", "Credentials Bank", "moneykit", 24h, false, true, false},
      {"instant_bank", "Instant Bank", "moneykit", 6h, false, false, false},
      {"oauth_bank", "OAuth Bank", "akoya", 12h, false, false, false},
      {"chase", "Chase", "mx", 24h, false, false, false},
      {"harbor_credit_union", "Harbor Credit Union", "finicity", 20h, true, true, false},
      {"prairie_savings", "Prairie & Sons Savings", "plaid", 30h, true, false, false},
      {"flaky_trust", "Flaky Trust", "yodlee", 8h, true, false, true},
  };
  return list;
}

const Institution* find_institution(std::string_view id) {
  for (const std::vector<Institution>* const list : {&institutions(), &made_up_institutions()}) {
    if (const auto found = std::ranges::find(*list, id, &Institution::id); found != list->end()) {
      return &*found;
    }
  }
  return nullptr;
}

const std::vector<Merchant>& merchants() {
  using enum Habit;
  static const std::vector<Merchant> list = {
      {"Acme Payroll", "ACME PAYROLL DIRECT DEP", "income.wages", "income", "employment_income", 180000,
       260000, twice_monthly, true},
      {"Oak Street Apartments", "OAK ST APTS RENT WEB PMT", "housing.rent", "housing", "rent", 145000, 145000,
       monthly, false},
      {"City Power & Light", "CITY POWER&LIGHT UTIL", "utilities.electric", "bills", "electricity", 4200,
       15800, monthly, false},
      {"Netflix", "NETFLIX.COM 866-579-7172", "entertainment.streaming", "entertainment", "streaming", 1549,
       1549, monthly, false},
      {"Spotify", "SPOTIFY USA", "entertainment.music", "entertainment", "music", 1099, 1099, monthly, false},
      {"Verity Mobile", "VERITY WIRELESS AUTOPAY", "utilities.phone", "bills", "phone", 6500, 7200, monthly,
       false},
      {"Interest", "INTEREST PAYMENT", "income.interest", "income", "interest", 12, 940, monthly, true},
      {"Starbucks", "STARBUCKS 04417 SEATTLE WA", "food_and_drink.coffee_shops", "food_and_drink", "coffee",
       310, 1480, random, false},
      {"Whole Foods", "WHOLEFDS MKT 10236", "food_and_drink.groceries", "food_and_drink", "groceries", 1200,
       18900, random, false},
      {"Trader Joe's", "TRADER JOE'S #552", "food_and_drink.groceries", "food_and_drink", "groceries", 900,
       12400, random, false},
      {"Amazon", "AMZN MKTP US*2K4RT", "shopping.online_marketplace", "shopping", "online", 599, 24900,
       random, false},
      {"Shell", "SHELL OIL 57442", "transport.fuel", "auto", "gas", 2100, 7800, random, false},
      {"Lyft", "LYFT *RIDE SUN 9PM", "transport.ride_share", "travel", "ride_share", 740, 4800, random,
       false},
      {"Dos Toros", "DOS TOROS TAQUERIA", "food_and_drink.fast_food", "food_and_drink", "restaurants", 980,
       3100, random, false},
      {"Caf\u00e9 Zo\u00eb", "CAFE ZOE 0099", "food_and_drink.coffee_shops", "food_and_drink", "coffee", 450,
       2200, random, false},
      {"\u5bff\u53f8 Sakura", "SUSHI SAKURA \u65b0\u5bbf", "food_and_drink.restaurants", "food_and_drink",
       "restaurants", 1800, 9600, random, false},
      {"O'Reilly \"Used\" <Books>", "OREILLY USED BOOKS\\NW", "shopping.books", "shopping", "books", 700,
       8000, random, false},
      {"CVS", "CVS/PHARMACY #02831", "health.pharmacy", "health", "pharmacy", 480, 6400, random, false},
      {"Target", "TARGET 00028415", "shopping.department_store", "shopping", "general", 1100, 21000, random,
       false},
      {"Uber Eats", "UBER *EATS HELP.UBER", "food_and_drink.delivery", "food_and_drink", "delivery", 1600,
       7200, random, false},
      {"Delta Air Lines", "DELTA AIR 0062341", "travel.airlines", "travel", "flights", 11900, 89000, random,
       false},
      {"Home Depot", "THE HOME DEPOT 6512", "home.improvement", "home", "improvement", 800, 46000, random,
       false},
      {"Transfer", "ONLINE TRANSFER REF #IB0", "transfer.internal", "transfers", "internal", 5000, 150000,
       random, true},
      {"Zelle", "ZELLE FROM A FRIEND", "transfer.peer", "transfers", "peer_to_peer", 1000, 30000, random,
       true},
      {"Refund", "AMZN MKTP REFUND", "shopping.refund", "shopping", "refund", 599, 14900, random, true},
      {"ATM Withdrawal", "ATM W/D 000884 2ND AVE", "cash.atm", "cash", "withdrawal", 2000, 40000, random,
       false},
      {"Gym 24", "GYM24 CLUB FEES", "health.fitness", "health", "fitness", 3900, 3900, monthly, false},
      {"Parking Meter", "PAYBYPHONE PARKING", "transport.parking", "auto", "parking", 25, 1200, random,
       false},
  };
  return list;
}

const std::vector<AccountKind>& account_kinds() {
  static const std::vector<AccountKind> list = {
      {"depository.checking", "Everyday Checking", 240000, false},
      {"liability.credit_card", "Rewards Card", 180000, true},
      {"depository.savings", "Savings", 1250000, false},
      {"investment.brokerage", "Brokerage", 4800000, false},
      {"liability.mortgage", "Home Loan", 28500000, false},
      {"other.rewards", "Points Wallet", 9000, false},
      {"depository.prepaid", "Prepaid", 12000, false},
      {"investment.retirement", "401(k)", 9900000, false},
      {"liability.student_loan", "Student Loan", 2400000, false},
      {"unknown", "Account", 50000, false},
  };
  return list;
}

void append_null_member(std::string& out, std::string_view name, const Switches& switches,
                        std::uint64_t extra) {
  if (switches.nulls == NullForm::absent || (switches.nulls == NullForm::mixed && extra % 2 == 0)) {
    return;
  }
  append_member(out, name, "null");
}

void append_row_id(std::string& out, std::uint64_t link_seed, std::uint32_t index) {
  append_id(out, "txn_", hash_words(link_seed, stream_row_id, index, 1),
            hash_words(link_seed, stream_row_id, index, 2));
}

std::string row_id(std::uint64_t link_seed, std::uint32_t index) {
  std::string out;
  append_row_id(out, link_seed, index);
  return out;
}

std::int32_t row_day(std::uint64_t link_seed, std::uint32_t index, const Row& row, const RowState& state) {
  const std::uint64_t change = revision_hash(link_seed, index, state);
  // A settled row carries its posted date, the pending one its initiation date.
  return row.day + (state.settled ? static_cast<std::int32_t>(index % 3) : 0) - (change % 16 == 5 ? 1 : 0);
}

std::uint8_t row_account(const RowText& text, std::uint32_t index, const Row& row, const RowState& state) {
  const std::uint64_t change = revision_hash(text.link_seed, index, state);
  // The institution booked it on another account after all. The text of a row must not change without an
  // event, so the choice may not depend on accounts that were added later.
  if (change % 16 != 6 || text.first_accounts < 2 || row.account >= text.first_accounts) {
    return row.account;
  }
  return row.account == 0 ? 1 : 0;
}

void append_row(std::string& out, const RowText& text, std::uint32_t index, const Row& row,
                const RowState& state) {
  const Switches& switches = *text.switches;
  const Merchant& merchant = merchants()[row.merchant];
  const std::uint64_t extra = hash_words(text.link_seed, stream_row_text, index);
  const std::uint64_t change = revision_hash(text.link_seed, index, state);
  const std::int32_t day = row_day(text.link_seed, index, row, state);
  const bool amount_changed = state.revision != 0 && change % 4 == 0;
  const bool wording_changed = state.revision != 0 && change % 4 == 1 && change % 16 != 5;
  const bool category_changed = state.revision != 0 && change % 4 >= 2 && change % 16 != 6;

  out.append("{\"transaction_id\":\"");
  append_row_id(out, text.link_seed, index);
  out.append("\",\"account_id\":\"")
      .append((*text.accounts)[row_account(text, index, row, state)].id)
      .push_back('"');
  append_amount(out, switches, extra,
                row.cents + (amount_changed ? 1 + static_cast<std::uint32_t>(change / 16 % 500) : 0));
  out.append(merchant.credit ? R"(,"type":"credit","currency":"USD","date":")"
                             : R"(,"type":"debit","currency":"USD","date":")");
  append_date(out, day);
  out.append(switches.date_with_time ? "T00:00:00\"" : "\"");
  if (state.pending && extra / 8 % 4 == 0) {
    out.append(",\"datetime\":\"");
    append_date(out, day);
    out.append("T23:59:59.999999+00:00\"");  // the sandbox's sentinel: no order can be read from it
  } else {
    append_null_member(out, "datetime", switches, extra / 2);
  }
  const bool marked = switches.marked_data;
  if (extra / 32 % 40 == 0) {
    append_null_member(out, "description", switches, extra / 4);
  } else {
    std::string description = std::string(marked ? marks::description : "") + std::string(merchant.name);
    append_text_member(out, "description",
                       wording_changed ? description.append(" (corrected)") : description);
  }
  append_text_member(out, "raw_description", marked ? marks::raw_description : merchant.raw);
  out.append(state.pending ? ",\"pending\":true" : ",\"pending\":false");
  if (switches.unknown_enums && extra / 64 % 9 == 0) {
    append_text_member(out, "category", "hologram.lease");
  } else {
    const std::string_view category = marked ? marks::category : merchant.category;
    append_text_member(out, "category", category_changed ? revised_category(change) : category);
  }
  if (extra / 128 % 3 == 0) {
    append_enrichment(out, merchant, marked ? marks::merchant : merchant.name, extra, day);
  } else {
    append_null_member(out, "enrichment", switches, extra / 16);
  }
  if (marked) {
    append_text_member(out, "original_id", marks::original_id);
    append_text_member(out, "x_marked", marks::unknown_member);
  } else {
    append_null_member(out, "original_id", switches, extra / 32);
  }
  if (switches.unknown_members) {
    append_member(out, "x_future", R"({"nested":[1,2.50,"three"],"flag":null})");
  }
  out.push_back('}');
}

void append_account(std::string& out, const Switches& switches, const Account& account) {
  const AccountKind& kind = account_kinds()[account.kind];
  const std::uint64_t draw = hash_words(account.seed, stream_balance, 99, account.revision);
  out.append("{\"account_id\":\"").append(account.id).push_back('"');
  append_text_member(out, "account_type",
                     switches.unknown_enums && account.seed % 5 == 0 ? "crypto.cold_wallet" : kind.type);
  const bool marked = switches.marked_data;
  append_text_member(out, "name", marked ? marks::account_name : kind.name);
  if (marked) {
    append_text_member(out, "nickname", marks::nickname);
  } else if (account.seed % 4 == 0) {
    append_text_member(out, "nickname", "My " + std::string(kind.name));
  } else {
    append_null_member(out, "nickname", switches, account.seed / 2);
  }
  if (marked) {
    append_text_member(out, "account_mask", marks::account_mask);
  } else if (account.seed / 4 % 9 == 0) {
    append_null_member(out, "account_mask", switches, account.seed / 8);
  } else {
    const std::string digits = std::to_string(10000 + account.seed / 64 % 10000);
    append_text_member(out, "account_mask", std::string_view(digits).substr(1));
  }
  out.append(",\"balances\":{\"currency\":\"USD\",");
  if (draw % 5 == 0) {
    out.append("\"available\":null");
  } else {
    append_balance(out, account, switches, "available", 1, kind.cents_typical);
  }
  out.push_back(',');
  append_balance(out, account, switches, "current", 2, kind.cents_typical);
  if (kind.has_limit || marked) {
    out.append(",\"limit\":").append(marked ? marks::limit : "");
    out.append(std::to_string(4000 + account.seed / 128 % 9 * 1000));
  } else {
    append_null_member(out, "limit", switches, account.seed / 16);
  }
  if (account.seed / 32 % 3 == 0) {
    out.append(",\"balance_date\":\"");
    append_timestamp(out, account.balance_at, switches.timestamps, draw);
    out.push_back('"');
  } else {
    append_null_member(out, "balance_date", switches, account.seed / 32);
  }
  out.push_back('}');
  append_null_member(out, "original_id", switches, account.seed / 64);
  append_member(out, "closed", account.closed ? "true" : "false");
  if (switches.unknown_members) {
    append_member(out, "x_future", "[]");
  }
  out.push_back('}');
}

}  // namespace syncd::sandbox
