"""The page in Chromium, against the real programs. Run by Bazel, see BUILD.bazel."""

import sys
import unittest

import bazel_unittest
from services import Chatter
from webdriver import KEY_DOWN, KEY_ENTER, Driver, Window, wait_for

PASSWORD = "correct horse"
PROGRAMS = sys.argv[1:5]


def row(username):
    return f'#people [data-key="{username}"]'


class PageTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.chatter = Chatter(*PROGRAMS)
        cls.addClassCleanup(cls.chatter.close)
        cls.driver = Driver()
        cls.addClassCleanup(cls.driver.close)

    def setUp(self):
        # Each test has people of its own, who see nobody else.
        self.group = self._testMethodName
        self.console_may_complain = False

    def name(self, person):
        """Usernames are shared by all groups."""
        return f"{person}_{self.group}".lower()[:100]

    def window(self, **options):
        window = Window(self.driver, **options)
        self.addCleanup(self._close, window)
        window.open(f"{self.chatter.page}#uacl={self.chatter.uacl}")
        window.wait_shown("#sign-in")
        return window

    def _close(self, window):
        try:
            window.save_screenshot(f"{self._testMethodName}-{id(window)}")
            if not self.console_may_complain:
                self.assertEqual(window.console_errors(), [])
        finally:
            window.close()

    def sign_in(self, window, username, password=PASSWORD):
        window.type("#name", username)
        window.type("#password", password)
        window.click("#password-form button")

    def person(self, who, **options):
        username = self.name(who)
        self.chatter.sign_up(username, PASSWORD, self.group)
        window = self.window(**options)
        self.sign_in(window, username)
        self.wait_online(window)
        return window

    def wait_online(self, window):
        wait_for("the page to be online",
                 lambda: window.text("#my-state") == "Online"
                 and not window.is_shown("#connection"))

    def talk_to(self, window, who):
        window.click(row(self.name(who)) + " button")
        window.wait_shown("#thread")

    def write(self, window, text):
        window.type("#text", text + KEY_ENTER)

    def bubbles(self, window):
        return window.texts("#log .bubble")

    def wait_bubbles(self, window, texts):
        wait_for(f"the messages {texts}", lambda: self.bubbles(window) == texts)

    def test_two_people_talk_reload_and_still_see_it(self):
        ann = self.person("ann")
        bob = self.person("bob")
        self.talk_to(ann, "bob")
        self.talk_to(bob, "ann")
        self.write(ann, "Hello, Bob")
        self.wait_bubbles(bob, ["Hello, Bob"])
        self.write(bob, "Hello, Ann")
        self.write(bob, "How are you?")
        said = ["Hello, Bob", "Hello, Ann", "How are you?"]
        self.wait_bubbles(ann, said)
        self.wait_bubbles(bob, said)
        # Nothing is left that is only on its way.
        wait_for("the echoes", lambda: not bob.texts("#log .sending"))
        self.assertEqual(len(ann.texts("#log .mine")), 1)
        self.assertEqual(len(bob.texts("#log .mine")), 2)
        ann.reload()
        bob.reload()
        # The address says which conversation was open.
        self.wait_bubbles(ann, said)
        self.wait_bubbles(bob, said)
        self.write(ann, "Fine")
        self.wait_bubbles(bob, said + ["Fine"])

    def test_presence_is_live(self):
        ann = self.person("ann")
        self.assertFalse(ann.is_shown(row(self.name("bob"))))
        bob = self.person("bob")
        dot = row(self.name("bob")) + " .dot"
        ann.wait_shown(dot)
        self.talk_to(ann, "bob")
        self.assertEqual(ann.text("#peer-state"), "Online")
        bob.click("#sign-out")
        bob.wait_shown("#sign-in")
        wait_for("bob to be offline", lambda: ann.text("#peer-state") == "Offline")
        self.assertFalse(ann.is_shown(dot))

    def test_two_windows_of_one_person_show_the_same(self):
        first = self.person("ann")
        self.person("bob")
        second = self.window()
        self.sign_in(second, self.name("ann"))
        self.wait_online(second)
        self.talk_to(first, "bob")
        self.talk_to(second, "bob")
        self.write(first, "from the first")
        self.wait_bubbles(second, ["from the first"])
        self.write(second, "from the second")
        self.wait_bubbles(first, ["from the first", "from the second"])
        self.wait_bubbles(second, ["from the first", "from the second"])

    def test_unread_messages_are_counted_until_they_are_seen(self):
        ann = self.person("ann")
        bob = self.person("bob")
        self.talk_to(bob, "ann")
        self.write(bob, "one")
        self.write(bob, "two")
        badge = row(self.name("bob")) + " .badge"
        wait_for("two unread", lambda: ann.text(badge) == "2 unread")
        wait_for("the title", lambda: ann.script("return document.title") == "(2) Chatter")
        ann.reload()
        wait_for("two unread", lambda: ann.text(badge) == "2 unread")
        self.talk_to(ann, "bob")
        self.wait_bubbles(ann, ["one", "two"])
        wait_for("none unread", lambda: not ann.texts(badge))
        ann.reload()
        self.wait_bubbles(ann, ["one", "two"])
        self.assertEqual(ann.texts(badge), [])

    def test_markup_stays_text(self):
        ann = self.person("ann")
        self.talk_to(ann, "ann")
        evil = '<img src=x onerror="document.title=1"> <b>&amp;</b> http://h.test/<i>'
        self.write(ann, evil)
        self.wait_bubbles(ann, [evil])
        self.assertEqual(ann.script(
            "return [...document.querySelectorAll('.bubble *')].map((e) => e.outerHTML)"),
            ['<a href="http://h.test/" target="_blank" rel="noopener noreferrer">'
             "http://h.test/</a>"])

    def test_older_messages_come_when_one_scrolls_up(self):
        ann = self.person("ann")
        texts = [f"line {i}" for i in range(100)]
        # Through the page's client library, without the page.
        ann.script("""
            window.done = '';
            import('/chatter.js').then(async ({ Chatter }) => {
              const client = new Chatter({ token: sessionStorage.getItem('chatter.token') });
              await new Promise((resolve) => {
                client.addEventListener('state', (e) => e.detail.state === 'online' && resolve());
                client.start();
              });
              const ids = [];
              for (const text of arguments[0]) ids.push((await client.send(client.username, text)).id);
              client.stop();
              window.done = ids.every((id, i) => i === 0 || id > ids[i - 1]) ? 'in order' : 'mixed';
            }).catch((error) => (window.done = String(error)));
        """, texts)
        wait_for("the messages to be stored", lambda: ann.script("return window.done"))
        self.assertEqual(ann.script("return window.done"), "in order")
        ann.reload()
        self.talk_to(ann, "ann")
        wait_for("the newest page", lambda: self.bubbles(ann)[-40:] == texts[-40:])

        def scrolled_to_the_beginning():
            ann.script("document.querySelector('#log').scrollTop = 0")
            return self.bubbles(ann) == texts

        wait_for("all messages", scrolled_to_the_beginning)
        self.assertEqual(ann.text("#log .top"), "What you write here only you can see.")

    def test_what_is_written_while_offline_is_sent_on_return(self):
        self.console_may_complain = True  # Of requests to an edge that is away.
        ann = self.person("ann")
        bob = self.person("bob")
        self.talk_to(ann, "bob")
        self.talk_to(bob, "ann")
        self.write(ann, "before")
        self.wait_bubbles(bob, ["before"])
        self.chatter.stop_edge()
        ann.wait_shown('#connection[data-state="offline"]')
        self.assertEqual(ann.text("#my-state"), "Offline")
        self.write(ann, "meanwhile")
        wait_for("it to wait", lambda: len(ann.texts("#log .sending")) == 1)
        self.chatter.start_edge()
        for window in (ann, bob):
            wait_for("the page to come back", lambda w=window: self._back_online(w))
            self.wait_bubbles(window, ["before", "meanwhile"])
        self.assertEqual(ann.texts("#log .sending"), [])

    @staticmethod
    def _back_online(window):
        if window.is_shown("#retry"):
            window.script("document.querySelector('#retry').click()")
        return window.text("#my-state") == "Online"

    def test_a_phone_shows_one_pane_at_a_time(self):
        self.person("bob")
        ann = self.person("ann", width=390, height=844, touch=True)
        self.assertTrue(ann.is_shown("#people"))
        self.assertFalse(ann.is_shown("#thread"))
        self.talk_to(ann, "bob")
        wait_for("one pane", lambda: not ann.is_shown("#people"))
        self.write(ann, "w" * 300)
        self.wait_bubbles(ann, ["w" * 300])
        # Nothing is wider than the screen, and the composer is in sight.
        self.assertEqual(ann.script("return document.documentElement.scrollWidth"), 390)
        bottom = ann.script("return document.querySelector('#composer')"
                            ".getBoundingClientRect().bottom")
        self.assertLessEqual(bottom, 844)
        ann.click("#back")
        wait_for("the list", lambda: ann.is_shown("#people"))
        self.assertFalse(ann.is_shown("#thread"))
        ann.back()
        wait_for("the browser's back to open it again", lambda: ann.is_shown("#thread"))

    def test_works_by_keyboard_alone(self):
        ann = self.person("ann")
        self.person("bob")
        ann.wait_shown(row(self.name("bob")))
        ann.script("document.querySelector('#people button').focus()")
        ann.keys(KEY_DOWN)
        self.assertEqual(
            ann.script("return [...document.querySelectorAll('#people button')]"
                       ".indexOf(document.activeElement)"), 1)
        ann.keys(KEY_ENTER)
        ann.wait_shown("#thread")
        wait_for("the composer to have the focus",
                 lambda: ann.script("return document.activeElement.id") == "text")
        ann.keys("typed" + KEY_ENTER)
        self.wait_bubbles(ann, ["typed"])

    def test_every_control_has_a_name(self):
        ann = self.person("ann")
        self.talk_to(ann, "ann")
        nameless = ann.script("""
            return [...document.querySelectorAll('button, input, textarea')]
              .filter((e) => !e.ariaLabel && !e.labels?.length && !e.textContent.trim())
              .map((e) => e.outerHTML);
        """)
        self.assertEqual(nameless, [])

    def test_a_new_name_becomes_an_account(self):
        self.console_may_complain = True  # Of the login that is tried first.
        window = self.window()
        self.sign_in(window, self.name("New"))
        self.wait_online(window)
        self.assertEqual(window.text("#my-name"), self.name("New"))

    def test_a_wrong_password_is_told(self):
        self.console_may_complain = True  # Of the answer 401.
        self.chatter.sign_up(self.name("ann"), PASSWORD, self.group)
        window = self.window()
        self.sign_in(window, self.name("ann"), "wrong")
        window.wait_shown("#sign-in-error")
        self.assertIn("password", window.text("#sign-in-error"))
        self.assertTrue(window.is_shown("#sign-in"))

    def test_a_refused_token_leads_back_to_the_sign_in(self):
        self.console_may_complain = True  # Of the answer 401.
        window = self.window()
        window.click("#sign-in summary")
        window.type("#token", "Bearer not.a.token")
        window.click("#token-form button")
        window.wait_shown("#sign-in-error")
        self.assertIn("token", window.text("#sign-in-error"))
        self.assertEqual(window.script("return sessionStorage.length"), 0)

    def test_signing_out_forgets_the_person(self):
        ann = self.person("ann")
        self.talk_to(ann, "ann")
        self.write(ann, "a secret")
        self.wait_bubbles(ann, ["a secret"])
        ann.click("#sign-out")
        ann.wait_shown("#sign-in")
        self.assertEqual(self.bubbles(ann), [])
        ann.reload()
        ann.wait_shown("#sign-in")
        self.assertFalse(ann.is_shown("#messenger"))


if __name__ == "__main__":
    bazel_unittest.run()
