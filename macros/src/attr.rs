//! The `#[trace(..)]` attributes.

use proc_macro2::{Span, TokenTree};
use syn::meta::ParseNestedMeta;
use syn::parse::ParseStream;
use syn::punctuated::Punctuated;
use syn::spanned::Spanned;
use syn::{Attribute, Error, LitStr, Meta, Path, Result, Token, WherePredicate};

const ON_TYPE: &str = "a type takes `bound = \"..\"`, `crate = path` and `unsafe_drop`";
const ON_FIELD: &str = "a field takes `skip`";

/// Several errors that are reported together.
#[derive(Default)]
pub(crate) struct Errors(Option<Error>);

impl Errors {
    pub(crate) fn push(&mut self, error: Error) {
        match &mut self.0 {
            Some(first) => first.combine(error),
            None => self.0 = Some(error),
        }
    }

    pub(crate) fn finish(self) -> Result<()> {
        self.0.map_or(Ok(()), Err)
    }
}

/// What the attributes of a type say.
#[derive(Default)]
pub(crate) struct TypeAttrs {
    /// The predicates that replace `T: Trace`.
    pub(crate) bound: Option<Punctuated<WherePredicate, Token![,]>>,
    /// Where the `tracegc` crate is.
    pub(crate) krate: Option<Path>,
    /// The type may implement `Drop`.
    pub(crate) unsafe_drop: bool,
}

impl TypeAttrs {
    pub(crate) fn parse(attrs: &[Attribute], errors: &mut Errors) -> Self {
        let mut this = Self::default();
        for_each_item(attrs, ON_TYPE, errors, |item| {
            if item.path.is_ident("bound") {
                let bound = parse_bound(item)?;
                set_once(&mut this.bound, bound, item)
            } else if item.path.is_ident("crate") {
                let krate = parse_crate(item)?;
                set_once(&mut this.krate, krate, item)
            } else if item.path.is_ident("unsafe_drop") {
                refuse_argument(item, "`unsafe_drop`")?;
                set_flag(&mut this.unsafe_drop, item)
            } else if item.path.is_ident("skip") {
                Err(item.error("`skip` goes on a field, not on the type"))
            } else {
                Err(unknown(item, ON_TYPE))
            }
        });
        this
    }
}

/// Whether the attributes of a field say that it is skipped.
pub(crate) fn is_skipped(attrs: &[Attribute], errors: &mut Errors) -> bool {
    let mut skip = false;
    for_each_item(attrs, ON_FIELD, errors, |item| {
        if item.path.is_ident("skip") {
            // The field counts as skipped even if the attribute is wrong: one error is enough.
            let repeated = set_flag(&mut skip, item);
            refuse_argument(item, "`skip`")?;
            repeated
        } else if ["bound", "crate", "unsafe_drop"].iter().any(|name| item.path.is_ident(name)) {
            Err(item.error(format!("`{}` goes on the type, not on a field", name_of(item))))
        } else {
            Err(unknown(item, ON_FIELD))
        }
    });
    skip
}

/// No attribute has a meaning on a variant.
pub(crate) fn refuse_on_variant(attrs: &[Attribute], errors: &mut Errors) {
    for attr in attrs.iter().filter(|attr| attr.path().is_ident("trace")) {
        errors.push(Error::new_spanned(
            attr,
            "`#[trace(..)]` has no meaning on a variant: put `#[trace(skip)]` on each field that is to be skipped",
        ));
    }
}

/// Calls `parse` with every item of every `#[trace(..)]`; after an error goes on with the next item.
fn for_each_item(
    attrs: &[Attribute],
    known: &str,
    errors: &mut Errors,
    mut parse: impl FnMut(&ParseNestedMeta<'_>) -> Result<()>,
) {
    for attr in attrs.iter().filter(|attr| attr.path().is_ident("trace")) {
        if !matches!(attr.meta, Meta::List(_)) {
            errors.push(Error::new_spanned(&attr.meta, format!("expected `#[trace(..)]`: {known}")));
            continue;
        }
        let list = attr.parse_nested_meta(|item| {
            if let Err(error) = parse(&item) {
                errors.push(error);
                skip_item(item.input)?;
            }
            Ok(())
        });
        if let Err(error) = list {
            errors.push(error);
        }
    }
}

/// Reads on to the comma that ends the item, or to the end.
fn skip_item(input: ParseStream<'_>) -> Result<()> {
    while !input.is_empty() && !input.peek(Token![,]) {
        input.parse::<TokenTree>()?;
    }
    Ok(())
}

fn parse_bound(item: &ParseNestedMeta<'_>) -> Result<Punctuated<WherePredicate, Token![,]>> {
    const EXPECTED: &str = "expected where predicates in a string: `bound = \"T: Trace\"`, or `bound = \"\"` for none";
    if !item.input.peek(Token![=]) {
        return Err(item.error(EXPECTED));
    }
    let value = item.value()?;
    let literal: LitStr = value.parse().map_err(|error| Error::new(error.span(), EXPECTED))?;
    literal
        .parse_with(Punctuated::parse_terminated)
        .map_err(|error| Error::new(literal.span(), format!("{EXPECTED} ({error})")))
}

fn parse_crate(item: &ParseNestedMeta<'_>) -> Result<Path> {
    const EXPECTED: &str = "expected the path of the tracegc crate, without quotes: `crate = path::to::tracegc`";
    if !item.input.peek(Token![=]) {
        return Err(item.error(EXPECTED));
    }
    let value = item.value()?;
    let path = value.call(Path::parse_mod_style).map_err(|error| Error::new(error.span(), EXPECTED))?;
    if value.is_empty() || value.peek(Token![,]) { Ok(path) } else { Err(value.error(EXPECTED)) }
}

fn refuse_argument(item: &ParseNestedMeta<'_>, name: &str) -> Result<()> {
    if item.input.is_empty() || item.input.peek(Token![,]) {
        Ok(())
    } else {
        Err(item.input.error(format!("{name} takes no argument: write `#[trace({})]`", name.trim_matches('`'))))
    }
}

fn set_once<T>(slot: &mut Option<T>, value: T, item: &ParseNestedMeta<'_>) -> Result<()> {
    match slot.replace(value) {
        None => Ok(()),
        Some(_) => Err(repeated(item)),
    }
}

fn set_flag(flag: &mut bool, item: &ParseNestedMeta<'_>) -> Result<()> {
    if std::mem::replace(flag, true) { Err(repeated(item)) } else { Ok(()) }
}

fn repeated(item: &ParseNestedMeta<'_>) -> Error {
    Error::new(span_of(item), format!("`{}` is given twice", name_of(item)))
}

fn unknown(item: &ParseNestedMeta<'_>, known: &str) -> Error {
    Error::new(span_of(item), format!("unknown attribute `{}`: {known}", name_of(item)))
}

fn span_of(item: &ParseNestedMeta<'_>) -> Span {
    item.path.span()
}

fn name_of(item: &ParseNestedMeta<'_>) -> String {
    let segments: Vec<_> = item.path.segments.iter().map(|segment| segment.ident.to_string()).collect();
    segments.join("::")
}
