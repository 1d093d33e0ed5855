#pragma once

#include <array>
#include <string_view>

// What Switches::marked_data writes in the place of people's data, so that a test can look for it everywhere.
// Each occurs whole in what is written, none in anything else.
namespace syncd::sandbox::marks {

struct Mark {
  std::string_view what;
  std::string_view text;
};

inline constexpr std::string_view account_name = "canary acct-name Wq7Xk2";
inline constexpr std::string_view nickname = "canary nickname Jd9Pz4";
inline constexpr std::string_view account_mask = "canary-mask-Lt3Vb8";
inline constexpr std::string_view description = "canary description Hn5Rc1";
inline constexpr std::string_view raw_description = "CANARY \"RAW\" DESC \\Gy8Mf6";
inline constexpr std::string_view category = "canary.category.Tb2Ks9";
inline constexpr std::string_view merchant = "canary merchant \u00e9 Fp4Qw7";
inline constexpr std::string_view original_id = "canary-original-Zx6Nd3";
inline constexpr std::string_view unknown_member = "canary unknown member Rv1Hj5";
inline constexpr std::string_view product_message = "canary product message Bm9Lg2";
inline constexpr std::string_view product_unavailable = "canary unavailable Ck7Ty4";
// The first digits of every sum.
inline constexpr std::string_view amount = "7318294606";
inline constexpr std::string_view balance = "8426173959";
inline constexpr std::string_view limit = "9517384027";

inline constexpr std::array<Mark, 14> all = {{
    {"an account's name", account_name},
    {"an account's nickname", nickname},
    {"an account's mask", account_mask},
    {"a description", description},
    {"a raw description", raw_description},
    {"a category", category},
    {"a merchant", merchant},
    {"an original id", original_id},
    {"an unknown member", unknown_member},
    {"a product's message", product_message},
    {"why a product is unavailable", product_unavailable},
    {"an amount", amount},
    {"a balance", balance},
    {"a limit", limit},
}};

}  // namespace syncd::sandbox::marks
