//! A function built on AWS's client for Rust.

use std::time::{Duration, SystemTime};

use lambda_runtime::streaming::{Body, Response, channel};
use lambda_runtime::{Context, Error, FunctionResponse, LambdaEvent, service_fn};
use serde_json::{Value, json};

async fn handle(event: LambdaEvent<Value>) -> Result<FunctionResponse<Value, Body>, Error> {
    println!("in the handler");
    let (event, context) = event.into_parts();
    if let Some(milliseconds) = event["sleep"].as_u64() {
        tokio::time::sleep(Duration::from_millis(milliseconds)).await;
    }
    if let Some(code) = event["exit"].as_i64() {
        std::process::exit(code as i32);
    }
    if event["fail"] == true {
        return Err("on request".into());
    }
    if event["stream"] == true {
        return Ok(FunctionResponse::StreamingResponse(stream(event["midway"] == true)));
    }
    Ok(FunctionResponse::BufferedResponse(tell(&context)))
}

/// Two pieces with a pause between them, and an error instead of the second one if it is to end midway.
fn stream(midway: bool) -> Response<Body> {
    let (mut sender, body) = channel();
    tokio::spawn(async move {
        let _ = sender.send_data("one".into()).await;
        tokio::time::sleep(Duration::from_millis(300)).await;
        if midway {
            sender.abort();
        } else {
            let _ = sender.send_data(" two".into()).await;
        }
    });
    Response::from(body)
}

fn tell(context: &Context) -> Value {
    let left = context.deadline().duration_since(SystemTime::now()).unwrap_or_default();
    json!({
        "id": context.request_id,
        "arn": context.invoked_function_arn,
        "name": context.env_config.function_name,
        "left": left.as_millis() as u64,
        "custom": context.client_context.as_ref().map(|client| &client.custom),
        "process": std::process::id(),
    })
}

#[tokio::main]
async fn main() -> Result<(), Error> {
    if std::env::var_os("JUDGE_FAILS_TO_START").is_some() {
        return Err("on request".into());
    }
    lambda_runtime::run_concurrent(service_fn(handle)).await
}
