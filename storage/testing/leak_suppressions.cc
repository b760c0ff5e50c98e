// What tests under the address sanitizer need not hear of.

// libpqxx 6.4 loses one PGresult for each connection that breaks.
extern "C" const char* __lsan_default_suppressions();
extern "C" const char* __lsan_default_suppressions() {
  return "leak:PQmakeEmptyPGresult\n";
}
