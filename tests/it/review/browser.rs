//! A headless Chromium, driven over a pipe by its debugging protocol. Used by `review`. Invariants: no port
//! is opened; the process ends with the test; a command that is not answered in a minute fails the test.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};

const ANSWER_WITHIN: Duration = Duration::from_secs(60);

/// The browser.
pub(super) struct Browser {
    process: Child,
    to: ChildStdin,
    from: Receiver<Value>,
    next: u64,
    _profile: tempfile::TempDir,
}

/// One page of it.
pub(super) struct Page<'a> {
    browser: &'a mut Browser,
    session: String,
}

impl Browser {
    /// Starts it; nothing where there is none.
    pub(super) fn start() -> Result<Option<Self>> {
        let program = std::env::var_os("CHROMIUM").map_or_else(|| "/usr/bin/chromium".into(), PathBuf::from);
        if !program.exists() {
            eprintln!("not tested: there is no {}", program.display());
            return Ok(None);
        }
        let profile = tempfile::tempdir()?;
        // Chromium reads descriptor 3 and writes descriptor 4.
        let mut process = Command::new("sh")
            .args(["-c", "exec \"$@\" 3<&0 4>&1 </dev/null >/dev/null 2>&1", "sh"])
            .arg(&program)
            .args([
                "--headless=new",
                "--no-sandbox",
                "--disable-gpu",
                "--no-first-run",
                "--disable-dev-shm-usage",
            ])
            .args(["--remote-debugging-pipe", "--lang=en"])
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .arg("about:blank")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let to = process.stdin.take().context("a pipe")?;
        let mut out = BufReader::new(process.stdout.take().context("a pipe")?);
        let (send, from) = channel();
        std::thread::spawn(move || {
            let mut message = Vec::new();
            while out.read_until(0, &mut message).is_ok_and(|read| read > 0) {
                message.pop();
                let Ok(value) = serde_json::from_slice(&message) else { break };
                message.clear();
                if send.send(value).is_err() {
                    break;
                }
            }
        });
        Ok(Some(Self { process, to, from, next: 0, _profile: profile }))
    }

    /// Sends a command; its number.
    fn send(&mut self, session: Option<&str>, method: &str, parameters: &Value) -> Result<u64> {
        self.next += 1;
        let mut message = json!({ "id": self.next, "method": method, "params": parameters });
        if let Some(session) = session {
            message["sessionId"] = json!(session);
        }
        let mut bytes = serde_json::to_vec(&message)?;
        bytes.push(0);
        self.to.write_all(&bytes)?;
        Ok(self.next)
    }

    /// Waits for the answer to a command, or for an event.
    fn wait(&mut self, is_it: impl Fn(&Value) -> bool) -> Result<Value> {
        let until = Instant::now() + ANSWER_WITHIN;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            let message = self.from.recv_timeout(left).context("the browser says nothing")?;
            ensure!(message["error"].is_null(), "{message}");
            if is_it(&message) {
                return Ok(message["result"].clone());
            }
        }
    }

    fn call(&mut self, session: Option<&str>, method: &str, parameters: &Value) -> Result<Value> {
        let id = self.send(session, method, parameters)?;
        self.wait(|message| message["id"] == id)
    }

    /// Opens a file, whose downloads go to a folder.
    pub(super) fn open(&mut self, path: &Path, downloads: &Path) -> Result<Page<'_>> {
        let target = self.call(None, "Target.createTarget", &json!({ "url": "about:blank" }))?;
        let attach = json!({ "targetId": target["targetId"], "flatten": true });
        let session = self.call(None, "Target.attachToTarget", &attach)?["sessionId"].clone();
        let allow = json!({ "behavior": "allow", "downloadPath": downloads });
        self.call(None, "Browser.setDownloadBehavior", &allow)?;
        let session = session.as_str().context("a session")?.to_owned();
        self.call(Some(&session), "Page.enable", &json!({}))?;
        self.send(Some(&session), "Page.navigate", &json!({ "url": format!("file://{}", path.display()) }))?;
        self.wait(|message| message["method"] == "Page.loadEventFired")?;
        Ok(Page { browser: self, session })
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _ = self.send(None, "Browser.close", &json!({}));
        let is_over = || self.process.try_wait().is_ok_and(|ended| ended.is_some());
        if until(Duration::from_secs(5), is_over).is_err() {
            let _ = self.process.kill();
        }
        let _ = self.process.wait();
    }
}

impl Page<'_> {
    fn call(&mut self, method: &str, parameters: &Value) -> Result<Value> {
        self.browser.call(Some(&self.session), method, parameters)
    }

    /// What an expression is in the page; a promise is waited for.
    pub(super) fn evaluate(&mut self, expression: &str) -> Result<Value> {
        let asked = json!({ "expression": expression, "returnByValue": true, "awaitPromise": true });
        let answer = self.call("Runtime.evaluate", &asked)?;
        ensure!(answer["exceptionDetails"].is_null(), "{expression}: {answer}");
        Ok(answer["result"]["value"].clone())
    }

    /// Loads it again.
    pub(super) fn reload(&mut self) -> Result<()> {
        self.browser.send(Some(&self.session), "Page.reload", &json!({}))?;
        self.browser.wait(|message| message["method"] == "Page.loadEventFired")?;
        Ok(())
    }

    /// A telephone so many pixels wide.
    pub(super) fn width(&mut self, pixels: u32) -> Result<()> {
        let screen = json!({ "width": pixels, "height": 740, "deviceScaleFactor": 2, "mobile": true });
        self.call("Emulation.setDeviceMetricsOverride", &screen)?;
        Ok(())
    }

    /// Goes to the first line to grade by Tab, from the top of the page.
    pub(super) fn focus_first(&mut self) -> Result<()> {
        self.evaluate("document.activeElement.blur(); document.getElementById('language').focus()")?;
        for _ in 0..5 {
            self.key("Tab", "", 0)?;
            if self.evaluate("document.activeElement.type === 'radio'")? == true {
                return Ok(());
            }
        }
        anyhow::bail!(
            "Tab does not reach the first line: {}",
            self.evaluate("document.activeElement.outerHTML")?
        )
    }

    /// Presses keys one after another, as they are written; a line feed is Enter.
    pub(super) fn press(&mut self, keys: &str) -> Result<()> {
        for key in keys.chars() {
            let text = key.to_string();
            let name = if key == '\r' { "Enter" } else { &text };
            self.key(name, &text, 0)?;
        }
        Ok(())
    }

    /// Presses a key together with Alt.
    pub(super) fn press_with_alt(&mut self, name: &str) -> Result<()> {
        self.key(name, "", 1)
    }

    fn key(&mut self, name: &str, text: &str, modifiers: u8) -> Result<()> {
        let code = match name {
            "Tab" => 9,
            "Enter" => 13,
            "ArrowLeft" => 37,
            _ => text.to_ascii_uppercase().bytes().next().unwrap_or_default(),
        };
        let event = |kind: &str| {
            let mut event =
                json!({ "type": kind, "key": name, "modifiers": modifiers, "windowsVirtualKeyCode": code });
            if kind == "keyDown" && !text.is_empty() {
                event["text"] = json!(text);
            }
            event
        };
        self.call("Input.dispatchKeyEvent", &event("keyDown"))?;
        self.call("Input.dispatchKeyEvent", &event("keyUp"))?;
        Ok(())
    }
}

/// Waits until something is so.
pub(super) fn until(within: Duration, mut is_so: impl FnMut() -> bool) -> Result<()> {
    let end = Instant::now() + within;
    while !is_so() {
        ensure!(Instant::now() < end, "it did not happen");
        std::thread::sleep(Duration::from_millis(50));
    }
    Ok(())
}
