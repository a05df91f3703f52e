;; Symbolic differentiation, with simplification.
(define (simplify-sum a b)
  (cond ((and (number? a) (number? b)) (+ a b))
        ((eqv? a 0) b)
        ((eqv? b 0) a)
        ((equal? a b) (simplify-product 2 a))
        (else (list '+ a b))))

(define (simplify-product a b)
  (cond ((and (number? a) (number? b)) (* a b))
        ((or (eqv? a 0) (eqv? b 0)) 0)
        ((eqv? a 1) b)
        ((eqv? b 1) a)
        ((number? b) (simplify-product b a))
        ((and (number? a) (pair? b) (eq? (car b) '*) (number? (cadr b)))
         (simplify-product (* a (cadr b)) (caddr b)))
        (else (list '* a b))))

(define (simplify-power base exponent)
  (case exponent
    ((0) 1)
    ((1) base)
    (else (list '^ base exponent))))

(define (deriv form x)
  (cond ((number? form) 0)
        ((symbol? form) (if (eq? form x) 1 0))
        (else
         (let ((a (cadr form)) (b (if (pair? (cddr form)) (caddr form) #f)))
           (case (car form)
             ((+) (simplify-sum (deriv a x) (deriv b x)))
             ((*) (simplify-sum (simplify-product (deriv a x) b) (simplify-product a (deriv b x))))
             ((^) (simplify-product (simplify-product b (simplify-power a (- b 1))) (deriv a x)))
             ((sin) (simplify-product `(cos ,a) (deriv a x)))
             ((cos) (simplify-product -1 (simplify-product `(sin ,a) (deriv a x))))
             (else (error "deriv: unknown operator:" (car form))))))))

(for-each
 (lambda (form)
   (write form)
   (display " => ")
   (write (deriv form 'x))
   (newline))
 '(5
   x
   (+ x 3)
   (* 3 (^ x 2))
   (+ (* a (^ x 3)) (* b x))
   (* x (sin x))
   (cos (^ x 2))
   (^ (+ (* 2 x) 1) 3)))

;; Higher derivatives grow quickly: many short-lived trees.
(define (size form) (if (pair? form) (apply + (map size form)) 1))
(define (nth-derivative form n) (if (= n 0) form (nth-derivative (deriv form 'x) (- n 1))))
(display (size (nth-derivative '(* (sin (^ x 2)) (cos (* 3 x))) 6))) (newline)
