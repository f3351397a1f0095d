//! Which resources and documents say of themselves that they are secret.
//!
//! A label counts where FHIR and CDA put one: `meta.security` of any resource, `securityLabel` of a document, `confidentiality`
//! of a Composition, `confidentialityCode` of a CDA. Secret are the codes R and V of HL7's Confidentiality, and the ones of the
//! French DMP and Mon espace santé (TRE_A07): hidden from professionals, from legal representatives, from the patient until
//! somebody has explained it. N (normal) and what is below it are not; a code nobody knows is not, because every provider
//! invents some.

use super::json::{self, Object};

/// Whether a code of a confidentiality label means a secret.
pub fn is_secret_code(code: &str) -> bool {
    matches!(
        code,
        "R" | "V" | "MASQUE_PS" | "INVISIBLE_PATIENT" | "INVISIBLE_REPRESENTANTS_LEGAUX"
    )
}

/// Whether a resource is labelled a secret.
pub fn is_confidential(kind: &str, text: &str) -> bool {
    // Most resources carry no label: looking for the words is many times cheaper than parsing again.
    let may_be = ["\"security\"", "\"securityLabel\"", "\"confidentiality\""];
    if !may_be.iter().any(|name| text.contains(name)) {
        return false;
    }
    json::parse(text).is_ok_and(|resource| is_labelled(kind, &resource))
}

fn is_labelled(kind: &str, resource: &Object<'_>) -> bool {
    let meta = resource.object("meta");
    let security = meta.into_iter().flat_map(|meta| meta.objects("security"));
    let labels = resource.objects("securityLabel");
    let codings = security.chain(labels.flat_map(|label| label.objects("coding")));
    let own = resource
        .str("confidentiality")
        .filter(|_| kind == "Composition");
    codings
        .filter_map(|coding| coding.str("code"))
        .chain(own)
        .any(is_secret_code)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is(kind: &str, members: &str) -> bool {
        is_confidential(kind, &format!(r#"{{"resourceType":"{kind}"{members}}}"#))
    }

    #[test]
    fn labels_count_where_fhir_puts_them() {
        let secret = r#","meta":{"security":[{"system":"x","code":"N"},{"code":"R"}]}"#;
        assert!(is("Observation", secret));
        let label = r#","securityLabel":[{"coding":[{"code":"INVISIBLE_REPRESENTANTS_LEGAUX"}]}]"#;
        assert!(is("DocumentReference", label));
        assert!(is("Composition", r#","confidentiality":"V""#));
    }

    #[test]
    fn what_is_normal_or_elsewhere_does_not_count() {
        for members in [
            "",
            r#","meta":{"security":[{"code":"N"}]}"#,
            r#","meta":{"security":[{"code":"HTEST"}]}"#,
            r#","note":[{"text":"\"security\" R"}]"#,
            r#","confidentiality":"R""#,
            r#","code":{"coding":[{"code":"R"}]},"security":"R""#,
        ] {
            assert!(!is("Observation", members), "{members}");
        }
        assert!(!is_confidential("Observation", "{\"security\""));
    }
}
