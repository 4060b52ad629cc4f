//! A bootstrap in Rust, with nothing but its standard library: it answers each event with 42.
use std::env;
use std::io::{Read, Result, Write};
use std::net::TcpStream;

/// Sends one request on a connection of its own and reads the whole reply.
fn call(api: &str, method: &str, path: &str, body: &str) -> Result<String> {
    let mut stream = TcpStream::connect(api)?;
    write!(
        stream,
        "{method} /2018-06-01/runtime/invocation/{path} HTTP/1.1\r\nHost: {api}\r\n\
         Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    )?;
    let mut reply = String::new();
    stream.read_to_string(&mut reply)?;
    Ok(reply)
}

fn request_id(reply: &str) -> Option<&str> {
    reply.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("Lambda-Runtime-Aws-Request-Id").then(|| value.trim())
    })
}

#[no_mangle]
pub extern "C" fn main() -> i32 {
    let api = env::var("AWS_LAMBDA_RUNTIME_API").expect("the address of the Runtime API");
    loop {
        let reply = call(&api, "GET", "next", "").expect("an event");
        let id = request_id(&reply).expect("the event's id");
        call(&api, "POST", &format!("{id}/response"), "{\"answer\": 42}").expect("the answer is taken");
    }
}
