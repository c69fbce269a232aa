"""Pages and names from elsewhere: they are refused, it is said why, and the server stays up."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from cli_process import loads, pipe


class Foreign(BaseHTTPRequestHandler):
    """A page elsewhere."""

    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(b"<!doctype html><title>elsewhere</title><p>hello</p>")

    def log_message(self, *args):
        pass


@pytest.fixture(scope="module")
def foreign(browser):
    """A page of another origin, in the same browser."""
    elsewhere = ThreadingHTTPServer(("127.0.0.1", 0), Foreign)
    threading.Thread(target=elsewhere.serve_forever, daemon=True).start()
    page = browser.new_page()
    page.goto(f"http://127.0.0.1:{elsewhere.server_port}/")
    yield page
    page.close()
    elsewhere.shutdown()
    elsewhere.server_close()


@pytest.fixture(autouse=True)
def still_up(url, browser):
    """Whatever a test did: the server answers afterwards."""
    yield
    context = browser.new_context()
    assert context.request.get(f"{url}api/v1/info").ok
    context.close()


def test_a_foreign_page_gets_nothing(foreign, url):
    said = foreign.evaluate(
        """async (url) => {
          const body = '{"operations":[{"op":"softmax","logits":[1,2]}]}';
          const ask = async (options) => {
            try {
              const to = `${url}api/v1/compute`;
              const reply = await fetch(to, { method: "POST", body, ...options });
              return `${reply.type} ${reply.status}`;
            } catch (error) {
              return error.name;
            }
          };
          const json = { "Content-Type": "application/json" };
          return [await ask({}), await ask({ headers: json }), await ask({ mode: "no-cors" })];
        }""",
        url,
    )
    assert said == ["TypeError", "TypeError", "TypeError"]


def test_a_foreign_origin_is_refused_in_a_sentence(browser, url):
    context = browser.new_context()
    reply = context.request.post(
        f"{url}api/v1/compute",
        data={"operations": [{"op": "softmax", "logits": [1, 2]}]},
        headers={"Origin": "http://elsewhere.example"},
    )
    assert reply.status == 403
    assert reply.json()["detail"].startswith("Origin is 'http://elsewhere.example'; accepted is")
    context.close()


def test_a_foreign_name_of_this_machine_is_refused_in_a_sentence(browser, url):
    page = browser.new_page()
    reply = page.goto(url.replace("127.0.0.1", "elsewhere.localhost"))
    assert reply.status == 400
    assert "Host is 'elsewhere.localhost" in page.content()
    page.close()


def test_a_foreign_page_cannot_frame_the_lab(foreign, url):
    foreign.evaluate(
        """async (url) => {
          const frame = document.createElement("iframe");
          frame.src = url;
          document.body.append(frame);
          await new Promise((resolve) => { frame.onload = resolve; });
        }""",
        url,
    )
    frame = foreign.frames[-1]
    assert frame.locator("lk-rail").count() == 0


@pytest.mark.parametrize(
    "path", ["../app.py", "%2e%2e/app.py", "..%2f..%2fpyproject.toml", "/etc/passwd", "css/"]
)
def test_a_path_that_leads_out_of_the_page_leads_nowhere(browser, url, path):
    context = browser.new_context()
    reply = context.request.get(f"{url}{path}")
    assert reply.status == 404
    assert "root:" not in reply.text() and "import" not in reply.text()
    context.close()


@pytest.mark.parametrize("path", ["/api/v1/info", "/api/v1/openapi.json", "/api/v1/datasets"])
def test_get_on_the_command_line_answers_as_the_server(browser, url, path):
    context = browser.new_context()
    live = context.request.get(f"{url}{path[1:]}").json()
    done = pipe("lab", "--get", path)
    assert done.returncode == 0, done.stderr
    answer = loads(done.stdout)
    if path == "/api/v1/datasets":  # other tests have given files to the server
        assert answer == {"datasets": []} and list(live) == ["datasets"]
    else:
        assert answer == live
    context.close()
