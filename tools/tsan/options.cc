// How the thread sanitizer runs, in each program of --config=tsan.

// A report ends the program, with exit code 66, so that tests notice those of the
// programs that they start as well.
extern "C" const char* __tsan_default_options() { return "halt_on_error=1"; }

// None of these is for code of ours, and none hides it when it races on what it shares
// with a library.
extern "C" const char* __tsan_default_suppressions() {
  return
      // gRPC's own memory goes from thread to thread by atomics that the sanitizer does
      // not see. It would see what gRPC does there with malloc, memcpy, recvmsg and the
      // like.
      "called_from_lib:libgpr.so\n"
      "called_from_lib:libgrpc.so\n"
      "called_from_lib:libgrpc++.so\n"
      // What gRPC passes on in such memory, errors and slices.
      "called_from_lib:libabsl_cord.so\n"
      "called_from_lib:libabsl_cord_internal.so\n"
      "called_from_lib:libabsl_status.so\n"
      // OpenSSL, whose objects gRPC's threads pass on in the same way; and whoever lets
      // one go last knows it by a counter that is not seen either.
      "called_from_lib:libssl.so\n"
      "called_from_lib:libcrypto.so\n"
      // The stand-ins' HTTP server, which reads what another thread of its pool had
      // before.
      "called_from_lib:libcpp-httplib.so\n"
      // The byte order, found out by whoever is first to ask; all find the same.
      "race:websocketpp::lib::net::_htonll(unsigned long)::typ\n";
}
