//! Vaccinations: done, refused, or planned.

use super::medicines::{product, read_kind};
use super::reader::{Body, Nested, Place, Reader, nested};
use super::results::{read_frame, read_state};
use super::statements::{Above, code_of, happened, is_negated, is_reaction};
use super::time::{point, put_time, when};
use super::tree::Element;
use super::values::{concept, decimal, quantity};
use serde_json::{Value, json};

impl<'a, 'd> Reader<'a, 'd> {
    /// A vaccination, done, refused or planned.
    pub fn vaccination(&mut self, element: &Element<'a, 'd>, place: &Place<'_>) -> String {
        if !happened(element) {
            return self.prescription(element, place);
        }
        let mut body = self.begin("Immunization", element, place);
        read_state(element);
        read_kind(element);
        body.put(
            "status",
            Some(json!(if is_negated(element) {
                "not-done"
            } else {
                "completed"
            })),
        );
        let vaccine = self
            .medicine_of(element)
            .unwrap_or_else(|| self.code_or_name(element, place));
        body.put("vaccineCode", Some(vaccine));
        body.put("patient", Some(self.patient_reference()));
        let given = element
            .at("effectiveTime")
            .and_then(|time| when(&time))
            .and_then(|time| time.start().cloned());
        let supplies: Vec<_> = nested(element, place)
            .into_iter()
            .filter(|part| part.element.name() == "supply")
            .collect();
        let handed = supplies
            .iter()
            .find_map(|part| point(&part.element.at("performer/time")?));
        match given.or(handed) {
            Some(time) => put_time(&mut body.map, "occurrenceDateTime", Some(&time)),
            None => body.put("_occurrenceDateTime", Some(json!({"extension": [{
                "url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason", "valueCode": "unknown",
            }]}))),
        }
        let of = |name: &str| {
            element
                .at(name)
                .and_then(|code| concept(&code, &self.narrative))
        };
        let (site, route) = (of("approachSiteCode"), of("routeCode"));
        body.put("site", site);
        body.put("route", route);
        body.put(
            "doseQuantity",
            element
                .at("doseQuantity")
                .and_then(|dose| quantity(&dose, None)),
        );
        let product = element.at("consumable/manufacturedProduct");
        let lot = product.and_then(|product| product.at("manufacturedMaterial/lotNumberText"));
        body.put(
            "lotNumber",
            lot.map(|lot| lot.own_text())
                .filter(|lot| !lot.is_empty())
                .map(Value::String),
        );
        let maker = product.and_then(|product| product.at("manufacturerOrganization"));
        let maker = maker.and_then(|maker| self.organization(&maker));
        body.put("manufacturer", maker);
        let people = self.people_of(element, "performer");
        body.put_list(
            "performer",
            people
                .into_iter()
                .map(|actor| json!({"actor": actor}))
                .collect(),
        );
        self.take_nested(&mut body, element, place, &mut |reader, body, part| {
            reader.take_vaccination_part(body, part) || reader.take_reason(body, part)
        });
        self.end(body)
    }

    fn take_vaccination_part(
        &mut self,
        body: &mut Body<'a, 'd>,
        part: &Nested<'a, 'd, '_>,
    ) -> bool {
        let element = &part.element;
        if is_reaction(element) {
            let urn = self.observation(element, &part.place, &Above::default());
            body.push("reaction", json!({"detail": {"reference": urn}}));
            return true;
        }
        if code_of(element) == "30973-2" {
            let number = element
                .at("value")
                .and_then(|number| decimal(number.attribute("value")?));
            let Some(number) = number.filter(|number| number.as_u64().is_some_and(|dose| dose > 0))
            else {
                return false;
            };
            read_frame(element);
            body.push("protocolApplied", json!({"doseNumberPositiveInt": number}));
            return true;
        }
        if element.name() == "supply" && product(element).is_none() {
            element
                .all("templateId")
                .for_each(|template| template.mark_read());
            for actor in self.people_of(element, "performer") {
                body.push("performer", json!({"actor": actor}));
            }
            for author in self.people_of(element, "author") {
                if let Some(urn) = author.get("reference").and_then(Value::as_str) {
                    body.relate(urn);
                }
            }
            self.take_nested(body, element, &part.place, &mut |_, _, _| false);
            return true;
        }
        false
    }
}
