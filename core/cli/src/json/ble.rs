//! What `ble decode --json` prints.

use carnet::source::ble::records::Answer;
use carnet::source::ble::{Characteristic, Decoded, Detail, Measurement, Number, Quantity};
use serde_json::{Value, json};

/// `measurements` or `answer`, the other `null`. Decimals are text, so that no program rounds them.
pub fn decoded(characteristic: Characteristic, decoded: &Decoded) -> Value {
    let (measurements, answer) = match decoded {
        Decoded::Measurements(all) => (all.iter().map(measurement).collect(), Value::Null),
        Decoded::Answer(found) => (Value::Null, answer(found)),
    };
    json!({
        "characteristic": format!("{:04X}", characteristic.number()),
        "measurements": measurements,
        "answer": answer,
    })
}

fn measurement(one: &Measurement) -> Value {
    json!({
        "values": one.values.iter().map(quantity).collect::<Vec<_>>(),
        "clock": one.clock.map(|clock| clock.to_string()),
        "minutes_after": one.minutes_after,
        "zone_minutes": one.zone_minutes,
        "sequence": one.sequence,
        "user": one.user,
        "details": one.details.iter().map(detail).collect::<Vec<_>>(),
    })
}

fn quantity(quantity: &Quantity) -> Value {
    let (value, absent) = match quantity.value {
        Number::Exact(value) => (Some(value.to_string()), None),
        Number::Absent(reason) => (None, Some(reason.code())),
    };
    json!({ "what": quantity.what, "value": value, "unit": quantity.unit, "absent": absent })
}

fn detail(detail: &Detail) -> Value {
    json!({ "what": detail.what, "raw": detail.raw, "words": detail.words })
}

fn answer(answer: &Answer) -> Value {
    match answer {
        Answer::Count(count) => json!({ "count": count, "request": null, "outcome": null }),
        Answer::Done { request, outcome } => {
            json!({ "count": null, "request": request, "outcome": outcome.words.first() })
        }
    }
}
