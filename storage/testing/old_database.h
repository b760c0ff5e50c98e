#ifndef CHATTER_STORAGE_TESTING_OLD_DATABASE_H_
#define CHATTER_STORAGE_TESTING_OLD_DATABASE_H_

namespace chatter::testing {

// The tables of the service that Chatter replaces, as SQL: contract.md, "The old
// database".
inline constexpr char kOldTables[] =
    "CREATE TABLE users (id serial PRIMARY KEY, username varchar(128) UNIQUE, "
    "  user_group varchar(56));"
    "CREATE TABLE tokens (token text PRIMARY KEY, "
    "  username varchar(128) REFERENCES users(username), expiration timestamptz);"
    "CREATE TABLE messages (id serial PRIMARY KEY, "
    "  username_from varchar(128) REFERENCES users(username), "
    "  username_to varchar(128) REFERENCES users(username), "
    "  message text, image_path text, created_at timestamptz);";

}  // namespace chatter::testing

#endif  // CHATTER_STORAGE_TESTING_OLD_DATABASE_H_
