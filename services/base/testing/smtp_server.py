"""A mail server for one test: STARTTLS and a login are a must.

smtp_server.py FOLDER ADDRESS PASSWORD: makes a certificate in FOLDER (`cert.pem`), says
`listening on PORT` on stderr, then a line of JSON for each mail that it takes.
"""

import json
import ssl
import subprocess
import sys

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult


class Mailbox:
    async def handle_DATA(self, server, session, envelope):
        mail = {
            "from": envelope.mail_from,
            "to": envelope.rcpt_tos,
            "content": envelope.content.decode(),
        }
        print("mail " + json.dumps(mail), file=sys.stderr, flush=True)
        return "250 OK"


def main():
    folder, address, password = sys.argv[1:]
    cert, key = folder + "/cert.pem", folder + "/key.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
         "-nodes", "-days", "1", "-subj", "/CN=localhost",
         "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", cert],
        check=True, capture_output=True)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(cert, key)

    def authenticate(server, session, envelope, mechanism, login):
        right = (login.login, login.password) == (address.encode(), password.encode())
        return AuthResult(success=right, handled=False)

    controller = Controller(
        Mailbox(), hostname="127.0.0.1", port=0, tls_context=tls, require_starttls=True,
        auth_required=True, authenticator=authenticate)
    # Its own start asks the port that it was given whether it answers: 0 does not.
    loop = controller.loop
    server = loop.run_until_complete(controller._create_server())
    port = server.sockets[0].getsockname()[1]
    print(f"listening on {port}", file=sys.stderr, flush=True)
    loop.run_forever()


main()
