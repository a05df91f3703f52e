//! What cannot be traced, whatever its attributes say.

use syn::spanned::Spanned;
use syn::{Attribute, Data, DeriveInput, Error, Meta, Token};

use crate::attr::Errors;

pub(crate) fn refuse_untraceable(input: &DeriveInput, errors: &mut Errors) {
    refuse_union(input, errors);
    refuse_lifetimes(input, errors);
    refuse_packed(&input.attrs, errors);
}

fn refuse_union(input: &DeriveInput, errors: &mut Errors) {
    if let Data::Union(data) = &input.data {
        errors.push(Error::new(
            data.union_token.span(),
            "a union cannot derive `Trace`: nobody can tell which of its fields is alive; use an enum",
        ));
    }
}

fn refuse_lifetimes(input: &DeriveInput, errors: &mut Errors) {
    for param in input.generics.lifetimes() {
        errors.push(Error::new_spanned(
            &param.lifetime,
            "a type with a lifetime parameter cannot derive `Trace`: the heap owns its values for as long as anyone can \
             reach them, so they must not borrow; hold owned data, an `Arc` or a handle (`Gc`, `Weak`) instead of the \
             reference",
        ));
    }
}

fn refuse_packed(attrs: &[Attribute], errors: &mut Errors) {
    for attr in attrs.iter().filter(|attr| attr.path().is_ident("repr")) {
        let Meta::List(_) = &attr.meta else { continue };
        let list = attr.parse_nested_meta(|item| {
            if item.path.is_ident("packed") {
                errors.push(Error::new_spanned(
                    &item.path,
                    "a packed type cannot derive `Trace`: its fields may be misaligned, and the collector needs \
                     references to them",
                ));
            }
            while !item.input.is_empty() && !item.input.peek(Token![,]) {
                item.input.parse::<proc_macro2::TokenTree>()?;
            }
            Ok(())
        });
        // What is wrong with a `repr` is the compiler's to say.
        drop(list);
    }
}
