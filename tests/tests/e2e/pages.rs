//! The gateway's pages in a real browser: a click-through of all of them, with a call and a message that are real.

use anyhow::{Context, Result, ensure};
use atoll_tests::{NodeOptions, NodeProcess, browser::Browser, embedded, http};
use serde_json::{Value, json};

use crate::services;

/// Clicks what this selector finds.
fn click(selector: &str) -> String {
    format!("document.querySelector({}).click(), true", json!(selector))
}

/// Clicks the button with this text.
fn press(text: &str) -> String {
    format!("[...document.querySelectorAll('button')].find((b) => b.textContent === {}).click(), true", json!(text))
}

/// Enters a text into the field with this label.
fn enter(label: &str, text: &str) -> String {
    let (label, text) = (json!(label), json!(text));
    format!(
        "(() => {{ const l = [...document.querySelectorAll('label')].find((l) => l.textContent.startsWith({label})); const i = \
         document.getElementById(l.htmlFor); i.value = {text}; i.dispatchEvent(new Event('input', {{ bubbles: true }})); return true; }})()"
    )
}

/// A node, one that offers arithmetic, and a browser at the former's pages; nothing where there is no browser.
async fn stage() -> Result<Option<(Browser, NodeProcess, Box<dyn std::any::Any>)>> {
    let Some(mut browser) = Browser::start().await? else {
        eprintln!("skipped: Chromium is not installed");
        return Ok(None);
    };
    let node = NodeOptions::node("looked at").start().await?;
    let provider = embedded::join(&node.address).await?;
    let serving = services::calc(&provider, "1.0.0").await?;
    services::listed(&node, "math.calc", 1).await?;
    browser.open(&http::gateway(&node).await?).await?;
    Ok(Some((browser, node, Box::new((provider, serving)))))
}

/// What every page has to have for people who do not see it, or have no mouse.
const ACCESSIBLE: &str = "(() => {
  const bad = [];
  for (const field of document.querySelectorAll('input, select, textarea'))
    if (!field.labels?.length && !field.getAttribute('aria-label')) bad.push('no label: ' + field.outerHTML);
  for (const thing of document.querySelectorAll('a, button, summary'))
    if (!thing.textContent.trim() && !thing.getAttribute('aria-label')) bad.push('no name: ' + thing.outerHTML);
  for (const image of document.querySelectorAll('img')) if (!image.hasAttribute('alt')) bad.push('no alt: ' + image.outerHTML);
  if (document.querySelectorAll('h1').length !== 1) bad.push('not one heading of the first level');
  if (!document.querySelector('main') || !document.documentElement.lang) bad.push('no main, or no language');
  const ids = [...document.querySelectorAll('[id]')].map((e) => e.id);
  if (new Set(ids).size !== ids.length) bad.push('an id twice: ' + ids);
  const width = document.documentElement.scrollWidth;
  if (width > innerWidth) bad.push(`wider than the window: ${width} > ${innerWidth}`);
  return bad;
})()";

async fn accessible(browser: &mut Browser) -> Result<()> {
    let bad: Value = browser.evaluate(ACCESSIBLE).await?;
    ensure!(bad == json!([]), "{bad}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_person_looks_around_calls_a_service_and_says_something() -> Result<()> {
    let Some((mut browser, node, _offered)) = stage().await? else { return Ok(()) };
    browser.shows(&node.id.to_string()).await?;
    browser.shows("connected to 1 peer").await?;
    accessible(&mut browser).await?;

    browser.evaluate(&click("a[href='#/services']")).await?;
    browser.until("!!document.querySelector(\"a[href='#/services/math.calc']\")").await?;
    browser.evaluate(&enter("Look for words", "numbers")).await?;
    browser.shows("1 service").await?;
    accessible(&mut browser).await?;
    browser.evaluate(&click("a[href='#/services/math.calc']")).await?;
    browser.shows("Version 1.0.0").await?;
    let add = "[...document.querySelectorAll('details')].find((d) => d.querySelector('.mono')?.textContent === 'add')";
    let open = format!("{add}.open = true");
    browser.evaluate(&open).await?;
    browser.shows("Try it").await?;
    browser.evaluate(&enter("a", "2")).await?;
    browser.evaluate(&enter("b", "40")).await?;
    browser.evaluate(&press("Call")).await?;
    browser.shows("\"sum\": 42").await?;
    accessible(&mut browser).await?;

    browser.evaluate(&click("a[href='#/nodes']")).await?;
    browser.shows("2 nodes known").await?;
    accessible(&mut browser).await?;
    browser.evaluate(&click("a[href='#/graph']")).await?;
    browser.until("document.querySelectorAll('svg.graph circle').length === 2").await?;
    accessible(&mut browser).await?;
    browser.evaluate(&click("a[href='#/doctor']")).await?;
    browser.until("document.querySelectorAll('main li strong').length > 2").await?;
    accessible(&mut browser).await?;

    browser.evaluate(&click("a[href='#/topics']")).await?;
    browser.until("!!document.getElementById('topic')").await?;
    browser.evaluate(&enter("Listen to a topic", "rooms/lobby")).await?;
    browser.evaluate(&press("Open")).await?;
    browser.shows("live").await?;
    let url = http::gateway(&node).await?;
    http::json(&url, "POST", "/v1/topics/rooms/lobby", "\"from elsewhere\"").await?;
    browser.shows("from elsewhere").await?;
    browser.evaluate(&enter("Message", "<b>from the page</b>")).await?;
    browser.evaluate(&press("Publish")).await?;
    browser.shows("published as number 2").await?;
    browser
        .until("[...document.querySelectorAll('.log .mono')].some((m) => m.textContent === '<b>from the page</b>')")
        .await?;
    accessible(&mut browser).await?;

    browser.open(&format!("{url}docs")).await?;
    browser.shows("/v1/call/math.calc/add").await?;
    accessible(&mut browser).await?;
    ensure!(browser.complaints().is_empty(), "{:?}", browser.complaints());
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_can_be_used_with_the_keyboard_alone_on_a_small_screen() -> Result<()> {
    let Some((mut browser, _node, _offered)) = stage().await? else { return Ok(()) };
    let phone = json!({ "width": 360, "height": 700, "deviceScaleFactor": 2, "mobile": true });
    browser.call("Emulation.setDeviceMetricsOverride", phone).await?;
    browser.shows("connected to").await?;
    accessible(&mut browser).await?;
    for page in ["#/services", "#/nodes", "#/graph", "#/topics", "#/doctor"] {
        // As far as the link, wherever that is.
        let there = format!("document.activeElement?.getAttribute('href') === '{page}'");
        for _ in 0..64 {
            if browser.evaluate(&there).await? == json!(true) {
                break;
            }
            browser.press("Tab").await?;
        }
        browser.until(&there).await.context("it cannot be reached by Tab")?;
        browser.press("Enter").await?;
        browser.until(&format!("location.hash === '{page}' && !!document.querySelector('h1')")).await?;
        browser.until("document.activeElement === document.getElementById('main')").await?;
        accessible(&mut browser).await.context(page)?;
    }
    Ok(())
}
