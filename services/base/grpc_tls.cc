#include "services/base/grpc_tls.h"

#include <grpc/grpc.h>
#include <grpc/grpc_security.h>
#include <grpc/support/log.h>

#include <cstring>
#include <string>

#include "glog/logging.h"

namespace chatter {
namespace {

// gRPC has a line for each handshake that fails, and anybody who reaches the port can
// make as many as he likes of them.
void LogForGrpc(gpr_log_func_args* event) {
  if (std::strstr(event->message, "Handshake failed") != nullptr) {
    LOG_EVERY_N(INFO, 1000) << "a gRPC client's TLS handshake failed: " << event->message
                            << " (one of " << google::COUNTER << ")";
    return;
  }
  const google::LogSeverity severity =
      event->severity == GPR_LOG_SEVERITY_ERROR ? google::GLOG_ERROR : google::GLOG_INFO;
  google::LogMessage(event->file, event->line, severity).stream() << event->message;
}

}  // namespace

// gRPC's own for C++ (1.51) have one certificate for good, but for experimental ones. Its
// core can do better: it asks for each connection whether there is a new one.
class GrpcServerTls::Credentials : public grpc::ServerCredentials {
 public:
  explicit Credentials(GrpcServerTls& tls)
      : tls_(tls),
        credentials_(grpc_ssl_server_credentials_create_with_options(
            grpc_ssl_server_credentials_create_options_using_config_fetcher(
                GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY, Fetch,
                this))) {}
  ~Credentials() override { grpc_server_credentials_release(credentials_); }

  // Nobody of ours has one.
  void SetAuthMetadataProcessor(
      const std::shared_ptr<grpc::AuthMetadataProcessor>&) override {}

 private:
  int AddPortToServer(const std::string& address, grpc_server* server) override {
    return grpc_server_add_http2_port(server, address.c_str(), credentials_);
  }

  static grpc_ssl_certificate_config_reload_status Fetch(
      void* self, grpc_ssl_server_certificate_config** config) {
    return static_cast<Credentials*>(self)->FetchNew(config);
  }

  grpc_ssl_certificate_config_reload_status FetchNew(
      grpc_ssl_server_certificate_config** config) {
    absl::MutexLock lock(&tls_.mutex_);
    if (fetched_ == tls_.version_) return GRPC_SSL_CERTIFICATE_CONFIG_RELOAD_UNCHANGED;
    fetched_ = tls_.version_;
    const grpc_ssl_pem_key_cert_pair pair{tls_.pems_.key.c_str(),
                                          tls_.pems_.certificate.c_str()};
    *config = grpc_ssl_server_certificate_config_create(tls_.pems_.ca.c_str(), &pair, 1);
    return GRPC_SSL_CERTIFICATE_CONFIG_RELOAD_NEW;
  }

  GrpcServerTls& tls_;
  int64_t fetched_ = 0;
  grpc_server_credentials* const credentials_;
};

absl::StatusOr<std::unique_ptr<GrpcServerTls>> GrpcServerTls::Make(
    const TlsFiles& files) {
  absl::StatusOr<TlsPems> pems = ReadTlsPems(files);
  if (!pems.ok()) return pems.status();
  gpr_set_log_function(LogForGrpc);
  return std::unique_ptr<GrpcServerTls>(new GrpcServerTls(files, *std::move(pems)));
}

absl::Status GrpcServerTls::Reload() {
  absl::StatusOr<TlsPems> pems = ReadTlsPems(files_);
  if (!pems.ok()) return pems.status();
  absl::MutexLock lock(&mutex_);
  pems_ = *std::move(pems);
  ++version_;
  return absl::OkStatus();
}

std::shared_ptr<grpc::ServerCredentials> GrpcServerTls::MakeCredentials() {
  credentials_.push_back(std::make_shared<Credentials>(*this));
  return credentials_.back();
}

}  // namespace chatter
